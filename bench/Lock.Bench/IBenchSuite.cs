namespace Locking.Bench;

/// <summary>The rows of one backend.</summary>
internal interface IBenchSuite
{
    /// <summary>Measures all rows and writes them into the report.</summary>
    /// <param name="report">Where the rows go.</param>
    /// <param name="rounds">How often everything is repeated, interleaved; the medians count.</param>
    Task RunAsync(BenchReport report, int rounds);
}
