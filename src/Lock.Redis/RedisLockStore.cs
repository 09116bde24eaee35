using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Locking;

/// <summary>Locks on one Redis or Valkey server, a replicated one, or a Redis Cluster.</summary>
/// <remarks>
/// <para>Each step is one script and one round trip. The lock record is a plain string, the holder id with an expiry, so that every client
/// that does <c>SET key value NX PX</c> excludes us and we them; fencing token, owner and queue are in companion keys of the same hash slot.</para>
/// <para>Not promised: on a server with replicas a failover can lose a lease that the new master has not heard of, unless
/// <c>replicas</c> made the grant wait for it; docs/redis.md says what each topology keeps.</para>
/// </remarks>
public sealed partial class RedisLockStore : ILockStore, IQueueingStore, IReleaseSignal, IForceReleaseStore
{
    private static readonly RedisValue s_noExpiry = -1;
    private static readonly Func<RedisResult, AcquireReply> s_readGrant = static answer => ReadGrant((long)answer);
    private static readonly Func<RedisResult, StoreReply> s_readReply = static answer => (StoreReply)(int)answer;

    internal const string NoReplicasOverLent =
        "waiting for replicas takes a connection of its own, and a client that is lent does not tell how one is made: give the provider the client's ConfigurationOptions instead of the client.";

    private readonly RedisConnection _connection;
    private readonly RedisLockSettings _settings;
    private readonly LockOptions _options;
    private readonly KeyLayout _layout;
    private readonly TimeSpan _retention;
    private readonly RedisValue _retentionValue;
    private readonly Func<RedisResult, StoreReply> _readTold;
    private readonly ReplicatedWriter? _replicated;

    /// <summary>Locks over a connection that the application has; it is never disposed here.</summary>
    /// <param name="connection">The application's connection.</param>
    /// <param name="settings">Of how to reach the server only <c>db</c> and <c>commandTimeout</c> count. Default: all defaults.</param>
    /// <param name="options">How locks are taken. Default: all defaults.</param>
    /// <param name="context">Clock and logs. Default the system's clock, no logs.</param>
    /// <exception cref="LockConfigException">A setting is out of range.</exception>
    public RedisLockStore(
        IConnectionMultiplexer connection, RedisLockSettings? settings = null, LockOptions? options = null, LockProviderContext? context = null)
        : this(
            new RedisConnection(
                connection ?? throw new ArgumentNullException(nameof(connection)),
                settings?.Db ?? -1,
                settings?.CommandTimeout ?? TimeSpan.FromSeconds(2),
                (context ?? LockProviderContext.Default).TimeProvider,
                (context ?? LockProviderContext.Default).LoggerFactory.CreateLogger<RedisLockStore>()),
            settings ?? new RedisLockSettings(),
            options ?? new LockOptions())
    {
    }

    internal RedisLockStore(RedisConnection connection, RedisLockSettings settings, LockOptions options)
    {
        RedisSettings.Table.Check(settings);
        _connection = connection;
        _settings = settings with { };
        _options = options;
        _layout = KeyLayout.Of(settings.Format, settings.KeyPrefix);
        _retention = settings.FenceRetention ?? TimeSpan.FromHours(1);
        _retentionValue = Milliseconds(_retention);
        _readTold = ReadTold;
        if (settings.Replicas is > 0 && connection.IsLent)
            throw new ArgumentException(NoReplicasOverLent, nameof(settings));
        if (settings.Replicas is > 0 and var replicas)
            _replicated = connection.Replicated(replicas, settings.ReplicaTimeout ?? TimeSpan.FromSeconds(1));
    }

    /// <inheritdoc/>
    public bool IsQueueing => _settings.Fair == true;

    /// <inheritdoc/>
    public string Type => "redis";

    internal RedisConnection Connection => _connection;

    internal KeyLayout Layout => _layout;

    private ReleaseChannel Channel => field ??= _connection.Channel(_layout);

    /// <inheritdoc/>
    public ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var keys = _layout.KeysOf(request.Key);
        var waits = _layout.NamesWaiters && Channel.Asks(keys.Record, request.HolderId);
        var names = keys.ToArray(waits ? 4 : 3);
        RedisValue[] values = request.Queue || _layout.OthersGiveNotice
            ? [request.HolderId, TtlValue(request.Ttl), request.Owner, LifeValue(request.Ttl), request.Queue ? 1 : 0, _layout.OthersGiveNotice ? 1 : 0]
            : [request.HolderId, TtlValue(request.Ttl), request.Owner, LifeValue(request.Ttl)];
        var read = waits ? ReadAwaitedGrant(keys.Record, request.HolderId) : s_readGrant;
        return _replicated is null
            ? RunAsync(_layout.Scripts.Acquire, keys, names, values, read, cancellationToken)
            : AcquireReplicatedAsync(_replicated, request, keys, names, values, read, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken)
    {
        var keys = _layout.KeysOf(key);
        RedisValue[] values = [holderId, TtlValue(ttl), LifeValue(ttl)];
        return _replicated is null
            ? RunAsync(_layout.Scripts.Extend, keys, keys.ToArray(2), values, s_readReply, cancellationToken)
            : ExtendReplicatedAsync(_replicated, keys, values, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken)
    {
        var keys = _layout.KeysOf(key);
        RedisValue[] values = [holderId, _retentionValue, _connection.ChannelName(_layout.Channel), _layout.NoticeOf(keys, holderId)];
        return RunAsync(_layout.Scripts.Release, keys, keys.ToArray(_layout.NamesWaiters ? 4 : 3), values, _readTold, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> ForceReleaseAsync(string key, CancellationToken cancellationToken)
    {
        var keys = _layout.KeysOf(key);
        RedisValue[] values = [_retentionValue, _connection.ChannelName(_layout.Channel), _layout.NoticeOf(keys, ""), _connection.ChannelName(ForcedChannel.Name)];
        return await RunAsync(_layout.Scripts.Force, keys, keys.ToArray(3), values, _readTold, cancellationToken).ConfigureAwait(false) == StoreReply.Done;
    }

    /// <inheritdoc/>
    public async ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken)
    {
        var keys = _layout.KeysOf(key);
        var answer = await RunAsync(_layout.Scripts.Get, keys, keys.ToArray(2), [], static answer => answer, cancellationToken).ConfigureAwait(false);
        if (answer.IsNull)
            return null;
        var fields = (RedisResult[])answer!;
        var left = (long)fields[1];
        var token = (string?)fields[2];
        return new LockInfo(
            key,
            (string?)fields[0] ?? "",
            (string?)fields[3] ?? "",
            string.IsNullOrEmpty(token) ? null : long.Parse(token, System.Globalization.CultureInfo.InvariantCulture),
            left < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromMilliseconds(left));
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<LockInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var fence in FenceScan.RunAsync(_connection, _layout.Prefix + prefix, cancellationToken).ConfigureAwait(false))
        {
            if (LockKeys.RecordOfFence(fence) is not { } record ||
                !record.StartsWith(_layout.Prefix, StringComparison.Ordinal) ||
                !record.AsSpan(_layout.Prefix.Length).StartsWith(prefix, StringComparison.Ordinal) ||
                !seen.Add(record))
            {
                continue;
            }

            // The fence outlives the lock; and where a stranger holds the key now, its value may be no lock at all.
            if (await GetAsync(record[_layout.Prefix.Length..], cancellationToken).ConfigureAwait(false) is { FencingToken: not null } info)
                yield return info;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<IReleaseWatch> WatchAsync(string key, CancellationToken cancellationToken)
    {
        try
        {
            return await Channel.WatchAsync(_layout.Prefix + key, cancellationToken).ConfigureAwait(false);
        }
        catch (NoticesRefusedException refusal) when (_options.Wait != WaitMode.Notify)
        {
            var pause = _options.RetryDelay ?? DeafWatch.DefaultPause;
            _connection.SayNoNotices(refusal.Message, pause, _layout.Channel);
            return new DeafWatch(pause, _connection.Time);
        }
        catch (NoticesRefusedException refusal)
        {
            throw new LockStoreException(
                $"{_connection.Server} gives no notices of releases ({refusal.Message}), and lockOptions.wait is notify: set it to poll, or allow the channel " +
                $"{_connection.ChannelName(_layout.Channel)} (ACL: +publish +subscribe &lock:*).", isTransient: false, refusal.InnerException)
            {
                MayHaveBeenApplied = false,
            };
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    /// <summary>Whole milliseconds, rounded up: the server's lease is never shorter than the one asked for.</summary>
    internal static long Milliseconds(TimeSpan span) => (span.Ticks + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond;

    internal static RedisValue TtlValue(TimeSpan ttl) => ttl == Timeout.InfiniteTimeSpan ? s_noExpiry : Milliseconds(ttl);

    /// <summary>How long a fence lives at the most: as long as the lease that it was written for, and the retention behind it.</summary>
    internal static long FenceLife(TimeSpan ttl, TimeSpan retention) => ttl == Timeout.InfiniteTimeSpan ? 0 : Milliseconds(ttl) + Milliseconds(retention);

    private RedisValue LifeValue(TimeSpan ttl) => FenceLife(ttl, _retention);

    private Func<RedisResult, AcquireReply> ReadAwaitedGrant(string record, string holderId) => answer =>
    {
        var reply = ReadGrant((long)answer);
        if (reply.IsGranted)
            Channel.Granted(record, holderId);
        return reply;
    };

    /// <summary>Reads the answer of a step that tells who waits (Scripts/notify.lua). That it could not tell them changes nothing of what it did.</summary>
    private StoreReply ReadTold(RedisResult answer)
    {
        var reply = (int)answer;
        if ((reply & 4) != 0)
            _connection.SayNoNotices("this user may not publish there", _options.RetryDelay ?? DeafWatch.DefaultPause, _layout.Channel);
        return (StoreReply)(reply & 3);
    }

    /// <summary>Reads the answer of an acquire: a token, or the folded number of a busy answer (Scripts/fence.lua).</summary>
    private static AcquireReply ReadGrant(long answer)
    {
        if (answer > 0)
            return AcquireReply.Granted(answer);
        var folded = -1 - answer;
        var left = (folded >> 1) - 2;
        return AcquireReply.Busy(left < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromMilliseconds(left), (folded & 1) == 1);
    }

    private ValueTask<T> RunAsync<T>(
        RedisScript script, in LockKeys keys, RedisKey[] names, RedisValue[] values, Func<RedisResult, T> read, CancellationToken cancellationToken) =>
        keys.IsSplitOnCluster
            ? RunUnlessClusterAsync(script, keys, names, values, read, cancellationToken)
            : new(_connection.EvaluateAsync(script, names, values, read, cancellationToken));

    private async ValueTask<T> RunUnlessClusterAsync<T>(
        RedisScript script, LockKeys keys, RedisKey[] names, RedisValue[] values, Func<RedisResult, T> read, CancellationToken cancellationToken)
    {
        await RefuseOnClusterAsync(keys, cancellationToken).ConfigureAwait(false);
        return await _connection.EvaluateAsync(script, names, values, read, cancellationToken).ConfigureAwait(false);
    }

    private async Task RefuseOnClusterAsync(LockKeys keys, CancellationToken cancellationToken)
    {
        if (!await _connection.IsClusterAsync(cancellationToken).ConfigureAwait(false))
            return;
        throw new LockStoreException(
            $"The key '{keys.Record}' cannot be used on a Redis Cluster: its braces keep the companion records from sharing its hash slot. " +
            "Use a key without '}', or with a hash tag such as {tag}.",
            isTransient: false)
        {
            MayHaveBeenApplied = false,
        };
    }
}
