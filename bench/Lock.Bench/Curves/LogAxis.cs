using System.Globalization;

namespace Locking.Bench.Curves;

/// <summary>A logarithmic axis of whole decades that holds some values.</summary>
internal sealed class LogAxis
{
    private readonly int _first;
    private readonly int _last;
    private readonly double _from;
    private readonly double _to;

    /// <param name="values">What has to be on it. Only what is positive and finite counts; without such it is one decade from 1.</param>
    /// <param name="from">Where it begins in the picture.</param>
    /// <param name="to">Where it ends; before <paramref name="from"/> when it runs to the left or up.</param>
    public LogAxis(IEnumerable<double> values, double from, double to)
    {
        double[] shown = [.. values.Where(IsShown)];
        _first = shown.Length == 0 ? 0 : (int)Math.Floor(Math.Log10(shown.Min()));
        _last = Math.Max(_first + 1, shown.Length == 0 ? 1 : (int)Math.Ceiling(Math.Log10(shown.Max())));
        _from = from;
        _to = to;
    }

    /// <summary>Whole decades, with their texts.</summary>
    public IEnumerable<(double At, string Text)> Decades =>
        Enumerable.Range(_first, _last - _first + 1).Select(power => (Place(Math.Pow(10, power)), Text(power)));

    /// <summary>The places of 2 to 9 times each decade but the last.</summary>
    public IEnumerable<double> Between => Enumerable.Range(_first, _last - _first)
        .SelectMany(static power => Enumerable.Range(2, 8).Select(times => times * Math.Pow(10, power))).Select(Place);

    /// <summary>Whether a value has a place on a logarithmic axis.</summary>
    public static bool IsShown(double value) => value > 0 && double.IsFinite(value);

    /// <summary>Where a value is in the picture, to a tenth.</summary>
    public double Place(double value) =>
        Math.Round(_from + ((Math.Log10(value) - _first) / (_last - _first) * (_to - _from)), 1);

    private static string Text(int power) => power < 0
        ? Math.Pow(10, power).ToString("0.######", CultureInfo.InvariantCulture)
        : Math.Pow(10, power).ToString("#,0", CultureInfo.InvariantCulture);
}
