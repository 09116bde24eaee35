using StackExchange.Redis;

namespace Locking;

/// <summary>The records that were written for this process's latest grants, so that a release can compare a record whole: the server need
/// not take it apart then, and is told less.</summary>
/// <remarks>
/// <para>A note is a help alone. A key has one place, which it shares with others, and what was overwritten there is released by its
/// id.</para>
/// <para>A record that somebody waits for is another than the one that was written: comparing it whole is in vain, and a second step has to
/// follow. So only a key that is taken again and again with nobody waiting is released so, and one where somebody was seen to wait is not
/// for a while.</para>
/// </remarks>
internal sealed class GrantNotes(RecordSteps steps, TimeProvider time)
{
    /// <summary>A key that is taken twice within this time is likely to be released before anybody waits.</summary>
    internal static readonly TimeSpan Quick = TimeSpan.FromSeconds(1);

    /// <summary>How long a key is released by the id after it was seen that somebody waited.</summary>
    internal static readonly TimeSpan Caution = TimeSpan.FromSeconds(10);

    private const int Places = 2048;

    private readonly GrantNote?[] _notes = new GrantNote?[Places];
    private readonly int[] _hashes = new int[Places];
    private readonly long[] _quickUntil = new long[Places];
    private readonly long[] _cautiousUntil = new long[Places];
    private readonly long _quick = new ClockUnits(time).Of(Quick);
    private readonly long _caution = new ClockUnits(time).Of(Caution);

    /// <summary>Notes a grant of a lock that nobody held and nobody waited for.</summary>
    /// <param name="request">What was granted.</param>
    /// <param name="record">The record's key.</param>
    /// <param name="template">What it was made of.</param>
    /// <param name="token">The grant's token.</param>
    /// <param name="sentAt">When it was asked for.</param>
    public void Keep(AcquireRequest request, RedisKey record, byte[] template, long token, long sentAt)
    {
        int hash = request.Key.GetHashCode(StringComparison.Ordinal);
        uint place = (uint)hash % Places;
        bool isQuick = hash == _hashes[place] && sentAt < Volatile.Read(ref _quickUntil[place]);
        _hashes[place] = hash;
        Volatile.Write(ref _quickUntil[place], sentAt + _quick);
        if (isQuick && sentAt >= Volatile.Read(ref _cautiousUntil[place]) && RecordTemplate.Fill(template, token) is { } value)
            Volatile.Write(ref _notes[place], new GrantNote(this, request.Key, request.HolderId, record, value));
    }

    /// <summary>Takes the note of a grant; null where there is none.</summary>
    public GrantNote? Take(string key, string holderId)
    {
        ref GrantNote? place = ref _notes[PlaceOf(key)];
        if (Volatile.Read(ref place) is not { } note || note.HolderId != holderId || note.Key != key)
            return null;
        return Interlocked.CompareExchange(ref place, null, note) == note ? note : null;
    }

    /// <summary>A release by the id, since the record is not the one that was written.</summary>
    internal StoreStepCall Instead(string key, string holderId)
    {
        Volatile.Write(ref _cautiousUntil[PlaceOf(key)], time.GetTimestamp() + _caution);
        return steps.Release(key, holderId);
    }

    private static uint PlaceOf(string key) => (uint)key.GetHashCode(StringComparison.Ordinal) % Places;
}

/// <summary>One of them.</summary>
internal sealed class GrantNote(GrantNotes notes, string key, string holderId, RedisKey record, byte[] value) : IScriptAlternative
{
    public string Key => key;

    public string HolderId => holderId;

    /// <summary>Ends the lease if its record is the one that was written.</summary>
    public StoreStepCall Release => new(ScriptSet.NativeReleaseWhole, [record], [value]);

    /// <summary>Ends it otherwise.</summary>
    public StoreStepCall Make() => notes.Instead(key, holderId);
}
