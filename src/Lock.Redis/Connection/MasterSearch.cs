using StackExchange.Redis;

namespace Locking;

/// <summary>Asks a client to look again who is master, at most once a second.</summary>
internal sealed class MasterSearch(TimeProvider time)
{
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private long _askedAt;

    /// <summary>The client may be looking for the master in the wrong place.</summary>
    public void Begin(IConnectionMultiplexer client)
    {
        lock (_gate)
        {
            if (_askedAt != 0 && time.GetElapsedTime(_askedAt) < s_pause)
                return;
            _askedAt = time.GetTimestamp();
        }

        TaskFaults.Forget(client.ConfigureAsync());
    }
}
