using System.Text;

namespace Locking;

/// <summary>The ranges of the settings, in one place: code and configuration are held to the same ones.</summary>
internal static class OptionRules
{
    /// <summary>Far enough for every lease, near enough that every backend's arithmetic holds.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(10_000);

    public static TimeSpan? Positive(TimeSpan? value, string name) =>
        value is not { } v || (v >= TimeSpan.FromMilliseconds(1) && v <= Longest)
            ? value
            : throw Out(name, v, "at least 1 ms and at most 10,000 days");

    public static TimeSpan? PositiveOrInfinite(TimeSpan? value, string name) =>
        value is not { } v || v == Timeout.InfiniteTimeSpan || (v >= TimeSpan.FromMilliseconds(1) && v <= Longest)
            ? value
            : throw Out(name, v, "at least 1 ms and at most 10,000 days, or Timeout.InfiniteTimeSpan (null in JSON) for none");

    public static TimeSpan? NotNegative(TimeSpan? value, string name) =>
        value is not { } v || (v >= TimeSpan.Zero && v <= Longest) ? value : throw Out(name, v, "zero to 10,000 days");

    public static TimeSpan? NotNegativeOrInfinite(TimeSpan? value, string name) =>
        value is not { } v || v == Timeout.InfiniteTimeSpan || (v >= TimeSpan.Zero && v <= Longest)
            ? value
            : throw Out(name, v, "zero to 10,000 days, or Timeout.InfiniteTimeSpan (null or -1 in JSON) for ever");

    public static int? AtLeast(int? value, int least, string name) =>
        value is not { } v || v >= least
            ? value
            : throw new ArgumentOutOfRangeException(name, v, $"{name} must be at least {least}.");

    public static double? Between(double? value, double least, double most, string name) =>
        value is not { } v || (v >= least && v <= most)
            ? value
            : throw new ArgumentOutOfRangeException(name, v, $"{name} must be from {least} to {most}.");

    public static string? Utf8AtMost(string? value, int most, string name) =>
        value is null || Encoding.UTF8.GetByteCount(value) <= most
            ? value
            : throw new ArgumentOutOfRangeException(name, $"{value[..32]}…", $"{name} must be at most {most} bytes of UTF-8.");

    public static WaitMode? Defined(WaitMode? value, string name) =>
        value is null or WaitMode.Auto or WaitMode.Notify or WaitMode.Poll
            ? value
            : throw new ArgumentOutOfRangeException(name, value, $"{name} must be Auto, Notify or Poll.");

    private static ArgumentOutOfRangeException Out(string name, TimeSpan value, string allowed) =>
        new(name, $"{value.TotalMilliseconds} ms", $"{name} must be {allowed}.");
}
