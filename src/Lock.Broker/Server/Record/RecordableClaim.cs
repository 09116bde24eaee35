namespace Locking;

/// <summary>A claim whose lease can stand in a <see cref="LeaseRecord"/>: what is written there besides key, end and number, and where it
/// stands.</summary>
internal abstract class RecordableClaim(string key, TimeSpan ttl) : Claim(key, ttl)
{
    /// <summary>Whether the lease outlives the connection even when the client closes it.</summary>
    public bool Keep { get; init; }

    /// <summary>The key as its client wrote it, for a protocol that writes keys in more than one way; null for our own.</summary>
    public virtual byte[]? ForeignKey => null;

    /// <summary>Whether the client gave an id; without one it is answered without one.</summary>
    public virtual bool HasForeignId => true;

    /// <summary>Whether it is, or was at the broker before, one of several keys that are taken together.</summary>
    public virtual bool IsMember => false;

    /// <summary>How many may hold the key, as it stands on record.</summary>
    public int RecordedMax { get; set; } = 1;

    /// <summary>Where it stands on record; null when it does not. Under the record's gate.</summary>
    public RecordSegment? RecordedIn { get; set; }

    /// <inheritdoc cref="RecordedIn"/>
    public int RecordedAt { get; set; }

    /// <summary>Notes how many may hold the key: published clients say so, also of keys of our own.</summary>
    public void NoteMax()
    {
        // Without the table's gate: of a claim that holds, the entry is its key's.
        if (Entry is { } entry && entry.Max is var max && Entry == entry)
            RecordedMax = max;
    }
}
