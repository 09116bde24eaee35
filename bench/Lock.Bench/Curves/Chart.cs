namespace Locking.Bench.Curves;

/// <summary>A library's points, in the order of their x.</summary>
/// <param name="Name">What the legend says.</param>
/// <param name="Points">Where something could be measured. Others are left out, not zero.</param>
/// <param name="IsPeer">Somebody else's, or bare commands: dashed.</param>
internal sealed record Series(string Name, IReadOnlyList<Point> Points, bool IsPeer = false);

/// <summary>One measured value.</summary>
/// <param name="X">What was varied.</param>
/// <param name="Y">What came of it.</param>
internal readonly record struct Point(double X, double Y);

/// <summary>Curves that belong together. Both axes are logarithmic.</summary>
/// <param name="Name">The name of its files.</param>
/// <param name="Title">What is shown.</param>
/// <param name="XAxis">What was varied, with its unit.</param>
/// <param name="YAxis">What was measured, with its unit.</param>
/// <param name="Series">The curves.</param>
internal sealed record Chart(string Name, string Title, string XAxis, string YAxis, IReadOnlyList<Series> Series);
