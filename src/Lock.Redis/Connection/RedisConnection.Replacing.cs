using System.Collections.Concurrent;
using StackExchange.Redis;

namespace Locking;

/// <summary>A connection of our own that stays silent although a new one is answered is replaced by the new one.</summary>
/// <remarks>
/// Whatever the reason, in the client or on the way: a process must not stay shut out of a server that is well. Silence is counted by key, since
/// of the servers of a cluster one may be silent. A new connection has to be answered for that same key before it takes over.
/// </remarks>
internal sealed partial class RedisConnection
{
    /// <summary>How long a key's requests may go without an answer before a new connection is tried, and the pause between two tries.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>Notices may fail to come for reasons that no new connection mends.</summary>
    private static readonly TimeSpan s_patienceForNotices = TimeSpan.FromMinutes(1);

    private const string Notices = "";
    private const int MostSilent = 1000;

    private readonly ConcurrentDictionary<string, long> _silentSince = new(StringComparer.Ordinal);
    private long _triedAt;
    private long _triedForNoticesAt;
    private int _silent;
    private bool _isReplacing;

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
    public void OnDeaf(IConnectionMultiplexer asked) => OnSilence(asked, Notices);

    /// <summary>Notices come.</summary>
    public void OnHeard()
    {
        if (_silentSince.TryRemove(Notices, out _))
            Volatile.Write(ref _silent, _silentSince.Count);
    }

    private void OnSilence(IConnectionMultiplexer asked, string key)
    {
        if (_connector is null || !ReferenceEquals(asked, Volatile.Read(ref _multiplexer)))
            return;
        var now = _time.GetTimestamp();
        if (_silentSince.Count >= MostSilent)
            _silentSince.Clear();
        var since = _silentSince.GetOrAdd(key, now);
        Volatile.Write(ref _silent, _silentSince.Count);
        if (_time.GetElapsedTime(since, now) < Patience)
            return;
        lock (_gate)
        {
            if (_disposed || _isReplacing)
                return;
            ref var triedAt = ref key == Notices ? ref _triedForNoticesAt : ref _triedAt;
            if (triedAt != 0 && _time.GetElapsedTime(triedAt, now) < (key == Notices ? s_patienceForNotices : Patience))
                return;
            triedAt = now;
            _isReplacing = true;
        }

        Forget(DetachedFlow.Start(() => Task.Run(() => ReplaceAsync(asked, key, since), CancellationToken.None)));
    }

    private async Task ReplaceAsync(IConnectionMultiplexer silent, string key, long since)
    {
        try
        {
            if (await TryOpenAnotherAsync(key).ConfigureAwait(false) is not { } fresh)
                return;
            bool replaces;
            lock (_gate)
            {
                // Answered, or noticed, in the meantime: then nothing is wrong with it.
                replaces = !_disposed && ReferenceEquals(_multiplexer, silent) && _silentSince.ContainsKey(key);
                if (replaces)
                    _multiplexer = fresh;
            }

            if (!replaces)
            {
                Close(fresh);
                return;
            }

            Clock.Void();
            _silentSince.Clear();
            Volatile.Write(ref _silent, 0);
            RedisLog.Replaced(_logger, Server, _time.GetElapsedTime(since).TotalMilliseconds);
            Unlisten(silent);
            _failed.Clear();
            Listen(fresh);
            // The subscriptions that stood are made anew, and everybody who waits is told to ask.
            await Forced.OnConnectedAsync(fresh).ConfigureAwait(false);
            OnInterrupted();
            Close(silent);
        }
        finally
        {
            lock (_gate)
                _isReplacing = false;
        }
    }

    private async Task<IConnectionMultiplexer?> TryOpenAnotherAsync(string key)
    {
        var connecting = _connector!.ConnectAsync(_time);
        IConnectionMultiplexer? fresh = null;
        try
        {
            fresh = await connecting.WaitAsync(_connector.ConnectTimeout, _time).ConfigureAwait(false);
            var database = fresh.GetDatabase(Database);
            if (key == Notices)
                await LimitAsync(database.PingAsync(CommandFlags.DemandMaster), CancellationToken.None).ConfigureAwait(false);
            else
                await LimitAsync(database.KeyExistsAsync(key, CommandFlags.DemandMaster), CancellationToken.None).ConfigureAwait(false);
            return fresh;
        }
        catch (RedisServerException)
        {
            // Whatever it says, it says something.
            return fresh;
        }
        catch (Exception)
        {
            // The server is silent to everybody: nothing is wrong with the connection.
            if (fresh is not null)
                Close(fresh);
            else
                _ = connecting.ContinueWith(
                    static made => Close(made), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            return null;
        }
    }
}
