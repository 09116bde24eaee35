using System.Collections.Concurrent;
using StackExchange.Redis;

namespace Locking;

/// <summary>Notices that a connection of our own stays silent, so that it is tried whether a new one is answered.</summary>
/// <remarks>
/// Whatever the reason, in the client or on the way: a process must not stay shut out of a server that is well. Silence is counted by key,
/// since of the servers of a cluster one may be silent. A new connection has to be answered for that same key before it takes over.
/// </remarks>
/// <param name="time">The clock.</param>
/// <param name="isInUse">Whether a client is the one that is used now.</param>
/// <param name="replace">Tries to replace it. <see cref="EndReplacing"/> is called at its end.</param>
internal sealed class SilenceWatch(TimeProvider time, Func<IConnectionMultiplexer, bool> isInUse, SilenceWatch.Replace replace)
{
    /// <summary>Tries to replace a client.</summary>
    /// <param name="silent">The client.</param>
    /// <param name="silence">Which silence it is: see <see cref="Lasts"/>.</param>
    /// <param name="since">Since when, in the clock's timestamps.</param>
    public delegate Task Replace(IConnectionMultiplexer silent, string silence, long since);

    /// <summary>How long a key's requests may go without an answer before a new connection is tried, and the pause between two
    /// tries.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>Notices may fail to come for reasons that no new connection mends.</summary>
    private static readonly TimeSpan s_patienceForNotices = TimeSpan.FromMinutes(1);

    private const string Notices = "";
    private const int MostSilent = 1000;

    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<string, long> _silentSince = new(StringComparer.Ordinal);
    private long _triedAt;
    private long _triedForNoticesAt;
    private int _silent;
    private bool _isReplacing;

    /// <summary>The key that a silence is about; null where it is notices that do not come.</summary>
    public static string? KeyOf(string silence) => silence == Notices ? null : silence;

    /// <summary>A request about this key was answered.</summary>
    public void OnAnswer(RedisKey[] keys)
    {
        if (Volatile.Read(ref _silent) == 0)
            return;
        if (keys.Length > 0 && _silentSince.TryRemove(keys[0].ToString(), out _))
            Volatile.Write(ref _silent, _silentSince.Count);
    }

    /// <summary>A request about this key was not answered.</summary>
    public void OnNoAnswer(IConnectionMultiplexer asked, RedisKey[] keys)
    {
        if (keys.Length > 0)
            OnSilence(asked, keys[0].ToString());
    }

    /// <summary>No notice comes back, although requests are answered.</summary>
    public void OnNoticesMissing(IConnectionMultiplexer asked) => OnSilence(asked, Notices);

    /// <summary>Notices come.</summary>
    public void OnNoticesBack()
    {
        if (_silentSince.TryRemove(Notices, out _))
            Volatile.Write(ref _silent, _silentSince.Count);
    }

    /// <summary>Whether a silence lasts: nothing was answered, or noticed, in the meantime.</summary>
    public bool Lasts(string silence) => _silentSince.ContainsKey(silence);

    /// <summary>The client was replaced: its silences are over.</summary>
    public void Clear()
    {
        _silentSince.Clear();
        Volatile.Write(ref _silent, 0);
    }

    /// <summary>The client was replaced, or is kept.</summary>
    public void EndReplacing()
    {
        lock (_gate)
            _isReplacing = false;
    }

    private void OnSilence(IConnectionMultiplexer asked, string silence)
    {
        if (!isInUse(asked))
            return;
        long now = time.GetTimestamp();
        if (_silentSince.Count >= MostSilent)
            _silentSince.Clear();
        long since = _silentSince.GetOrAdd(silence, now);
        Volatile.Write(ref _silent, _silentSince.Count);
        if (time.GetElapsedTime(since, now) < Patience)
            return;
        lock (_gate)
        {
            if (_isReplacing)
                return;
            ref long triedAt = ref silence == Notices ? ref _triedForNoticesAt : ref _triedAt;
            if (triedAt != 0 && time.GetElapsedTime(triedAt, now) < (silence == Notices ? s_patienceForNotices : Patience))
                return;
            triedAt = now;
            _isReplacing = true;
        }

        TaskFaults.Forget(DetachedFlow.Start(() => Task.Run(() => replace(asked, silence, since), CancellationToken.None)));
    }
}
