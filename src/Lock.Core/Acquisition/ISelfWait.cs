namespace Locking;

/// <summary>A call that waits, perhaps for a lock that the same <see cref="ILock"/> holds.</summary>
internal interface ISelfWait
{
    string Key { get; }

    /// <summary>For how long by now.</summary>
    TimeSpan Waited { get; }

    /// <summary>Whether it was told.</summary>
    bool IsTold { get; set; }
}
