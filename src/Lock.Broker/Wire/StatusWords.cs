namespace Locking;

/// <summary>What a broker says of itself in the <c>warning</c> of <c>lk-status</c>. Words that are not known are passed over.</summary>
internal static class StatusWords
{
    /// <summary>It listens beyond the loopback, and asks for no secret.</summary>
    public const string Open = "open";

    /// <summary>It keeps no state file: after a crash it may grant what is still held.</summary>
    public const string NoState = "no-state";
}
