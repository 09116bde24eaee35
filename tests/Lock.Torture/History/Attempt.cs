namespace Locking.Torture;

/// <summary>One attempt to hold a lock, with all that became of it. Times are ticks; null: it did not happen.</summary>
public sealed class Attempt(string process, string id, string key, long asked, long wait, bool renews)
{
    /// <summary>Whose it is.</summary>
    public string Process { get; } = process;

    /// <summary>Its name.</summary>
    public string Id { get; } = id;

    /// <summary>The key.</summary>
    public string Key { get; } = key;

    /// <summary>When it was asked: before the request.</summary>
    public long Asked { get; } = asked;

    /// <summary>The wait; -1: for ever.</summary>
    public long Wait { get; } = wait;

    /// <summary>Whether the lease is renewed.</summary>
    public bool Renews { get; } = renews;

    /// <summary>When the caller was seen to have it, with validity left.</summary>
    public long? Granted { get; set; }

    /// <summary>The fencing token.</summary>
    public long? Token { get; set; }

    /// <summary>When the loss must be announced; <see cref="long.MaxValue"/> when only the engine knows.</summary>
    public long Due { get; set; } = long.MaxValue;

    /// <summary>When it was answered in another way, and how.</summary>
    public (long At, EventKind Kind, string Text)? Answer { get; set; }

    /// <summary>When the lost signal was seen, when it was last seen not to be given, and the reason.</summary>
    public (long At, long NotYet, string Reason)? Lost { get; set; }

    /// <summary>When its holder began to give it back.</summary>
    public long? Releasing { get; set; }

    /// <summary>When that had ended.</summary>
    public long? Released { get; set; }

    /// <summary>With which outcome.</summary>
    public string? Outcome { get; set; }

    /// <summary>The last that its process said at all: beyond that it holds nothing.</summary>
    public long LastSeen { get; set; } = asked;

    /// <summary>Until when its holder surely relied on it.</summary>
    public long SureEnd => Math.Min(Math.Min(Lost?.NotYet ?? long.MaxValue, Releasing ?? long.MaxValue), LastSeen);

    /// <summary>Until when the store may have thought that it holds the lock.</summary>
    /// <param name="settle">See <see cref="Promise.Settle"/>.</param>
    public long PossiblyUntil(long settle) => Released is { } released && Outcome is not (null or "Unknown")
        ? released
        : Math.Max(Released ?? 0, Answer?.At ?? LastSeen) + settle;

    /// <inheritdoc/>
    public override string ToString() => $"{Id} of {Process} at {Key}";
}
