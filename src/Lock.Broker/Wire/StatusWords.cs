namespace Locking;

/// <summary>What a broker says of itself in the <c>warning</c> of <c>lk-status</c>. Words that are not known are passed over.</summary>
internal static class StatusWords
{
    /// <summary>It listens beyond the loopback, and asks for no secret.</summary>
    public const string Open = "open";

    /// <summary>It keeps no record, or not all is on it: one that comes back may grant what is held, or nothing for a while.</summary>
    public const string NoState = "no-state";
}
