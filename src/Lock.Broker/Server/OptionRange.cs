namespace Locking;

/// <summary>Ranges of the broker's own settings.</summary>
internal static class OptionRange
{
    public static int AtLeast(int value, int least, string name) => value >= least
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} must be at least {least}.");

    public static TimeSpan Positive(TimeSpan value, string name) => value >= TimeSpan.FromMilliseconds(1)
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} must be at least 1 ms.");
}
