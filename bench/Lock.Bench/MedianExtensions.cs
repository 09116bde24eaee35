namespace Locking.Bench;

/// <summary>The middle one of some values.</summary>
internal static class MedianExtensions
{
    /// <summary>The middle one; of an even number of values the mean of the two in the middle. NaN when there is none.</summary>
    public static double Median(this IEnumerable<double> values)
    {
        double[] sorted = values.Order().ToArray();
        int middle = sorted.Length / 2;
        return sorted.Length switch
        {
            0 => double.NaN,
            _ => sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2,
        };
    }
}
