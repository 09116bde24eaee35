using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Locking;

/// <summary>Locks on one Redis or Valkey server, a replicated one, or a Redis Cluster.</summary>
/// <remarks>
/// <para>Each step is one script and one round trip. The lock record is a plain string with an expiry, the holder id first, so that every
/// client that does <c>SET key value NX PX</c> excludes us and we them. Token and owner stand behind the id; one counter of tokens serves a
/// hash slot. In the formats of other clients the record is theirs, and token, owner and queue are in companion keys of the same hash
/// slot.</para>
/// <para>Not promised: on a server with replicas a failover can lose a lease that the new master has not heard of, unless
/// <c>replicas</c> made the grant wait for it; docs/redis.md says what each topology keeps.</para>
/// </remarks>
public sealed class RedisLockStore : ILockStore, IQueueingStore, IReleaseSignal, ILossSignal, IForceReleaseStore, IStoreDiagnostics
{
    private static readonly Func<RedisResult, StoreReply> s_readReply = static answer => (StoreReply)(int)answer;

    /// <summary>How many of the keys that a listing has found are read at once.</summary>
    private const int ListedAtOnce = 100;

    internal const string NoReplicasOverLent =
        "waiting for replicas takes a connection of its own, and a client that is lent does not tell how one is made: give the provider " +
        "the client's ConfigurationOptions instead of the client.";

    private readonly RedisConnection _connection;
    private readonly RedisLockSettings _settings;
    private readonly LockOptions _options;
    private readonly KeyLayout _layout;
    private readonly RecordSteps _steps;
    private readonly Func<RedisResult, StoreReply> _readTold;
    private readonly ReplicatedSteps? _replicated;
    private readonly ForcedLocks _losses;

    /// <summary>Locks over a connection that the application has; it is never disposed here.</summary>
    /// <param name="connection">The application's connection.</param>
    /// <param name="settings">Of how to reach the server only <c>db</c> and <c>commandTimeout</c> count. Default: all defaults.</param>
    /// <param name="options">How locks are taken. Default: all defaults.</param>
    /// <param name="context">Clock and logs. Default the system's clock, no logs.</param>
    /// <exception cref="LockConfigException">A setting is out of range.</exception>
    public RedisLockStore(
        IConnectionMultiplexer connection,
        RedisLockSettings? settings = null,
        LockOptions? options = null,
        LockProviderContext? context = null)
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

    internal RedisLockStore(RedisConnection connection, RedisLockSettings settings, LockOptions options, bool isNode = false)
    {
        RedisSettings.Table.Check(settings);
        _connection = connection;
        _settings = settings with { };
        _options = options;
        _layout = KeyLayout.Of(settings.Format, settings.KeyPrefix, isNode);
        _steps = _layout.IsNative
            ? new NativeSteps(
                _layout, connection.Channels, connection.Clock, connection.Time, () => connection.HasOneServer, settings.Fair ?? false,
                settings.Replicas is not > 0)
            : isNode ? new VoteSteps(_layout, connection.Channels, settings.FenceRetention ?? TimeSpan.FromHours(1))
            : new BareSteps(_layout, connection.Channels, settings.FenceRetention ?? TimeSpan.FromHours(1));
        _readTold = ReadTold;
        if (settings.Replicas is > 0 && connection.IsLent)
            throw new ArgumentException(NoReplicasOverLent, nameof(settings));
        if (settings.Replicas is > 0 and int replicas)
            _replicated = new ReplicatedSteps(connection, replicas, settings.ReplicaTimeout ?? TimeSpan.FromSeconds(1));
        _losses = new ForcedLocks(connection.Forced, _layout);
        Channel = connection.Attach(new ReleaseChannel(connection, _layout));
    }

    /// <summary>Raised for every lock of this format and prefix that somebody takes away by force, whoever holds it. What takes a lock away
    /// without a word (FLUSHALL, DEL, a restart without the data) is noticed at the next renewal.</summary>
    public event Action<StoreLoss>? LeaseLost
    {
        add => _losses.Add(value);
        remove => _losses.Remove(value);
    }

    /// <inheritdoc/>
    public bool IsQueueing => _settings.Fair == true;

    /// <inheritdoc/>
    public string Type => "redis";

    internal RedisConnection Connection => _connection;

    internal KeyLayout Layout => _layout;

    private ReleaseChannel Channel { get; }

    /// <summary>The same servers as a node of a quorum: its records are votes, with a fence for each key. Shares the connection, and ends
    /// it.</summary>
    internal RedisLockStore AsNode() => new(_connection, _settings, _options, isNode: true);

    /// <inheritdoc/>
    public ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        bool waits = _layout.NamesWaiters && Channel.Asks(_layout.Prefix, request.Key, request.HolderId);
        long sentAt = _connection.Time.GetTimestamp();
        StoreStepCall step = _steps.Acquire(request, waits, sentAt);
        Func<RedisResult, AcquireReply> read = answer => ReadGrant(step, request, waits, answer, sentAt);
        return _replicated is null
            ? RunAsync(step, read, cancellationToken)
            : AcquireReplicatedAsync(_replicated, request, step, read, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken)
    {
        StoreStepCall step = _steps.Extend(key, holderId, ttl);
        return _replicated is null
            ? RunAsync(step, s_readReply, cancellationToken)
            : _replicated.ExtendAsync(step, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken) =>
        _steps.TakeNote(key, holderId) is { } note
            ? new(_connection.EvaluateAsync(note.Release, note, _readTold, cancellationToken))
            : RunAsync(_steps.Release(key, holderId), _readTold, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<bool> ForceReleaseAsync(string key, CancellationToken cancellationToken) =>
        await RunAsync(_steps.Force(key), _readTold, cancellationToken).ConfigureAwait(false) == StoreReply.Done;

    /// <inheritdoc/>
    public async ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken)
    {
        RedisResult answer = await RunAsync(_steps.Get(key), static answer => answer, cancellationToken).ConfigureAwait(false);
        if (answer.IsNull)
            return null;
        RedisResult[] fields = (RedisResult[])answer!;
        long left = (long)fields[1];
        string? token = (string?)fields[2];
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
        var asked = new Queue<Task<LockInfo?>>();
        await foreach (string? key in KeyScan.RunAsync(_connection, _layout, prefix, cancellationToken).ConfigureAwait(false))
        {
            // Whoever stops listening leaves their faults to nobody.
            Task<LockInfo?> asking = GetAsync(key, cancellationToken).AsTask();
            TaskFaults.Forget(asking);
            asked.Enqueue(asking);
            // What else lies there is most of it, perhaps: a fence that outlives its lock, a value that is no lock at all.
            if (asked.Count == ListedAtOnce && await asked.Dequeue().ConfigureAwait(false) is { FencingToken: not null } info)
                yield return info;
        }

        while (asked.TryDequeue(out Task<LockInfo?>? left))
        {
            if (await left.ConfigureAwait(false) is { FencingToken: not null } info)
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
        catch (NoticesRefusedException exception) when (_options.Wait != WaitMode.Notify)
        {
            TimeSpan pause = _options.RetryDelay ?? PollingWatch.DefaultPause;
            _connection.SayNoNotices(exception.Message, pause, _layout.Channel);
            return new PollingWatch(pause, _connection.Time);
        }
        catch (NoticesRefusedException exception)
        {
            throw new LockStoreException(
                $"{_connection.Server} gives no notices of releases ({exception.Message}), " +
                "and lockOptions.wait is notify: set it to poll, " +
                "or allow the channel " +
                $"{_connection.Channels.Of(_layout.Channel)} (ACL: +publish +subscribe &lock:*).",
                isTransient: false, exception.InnerException)
            {
                MayHaveBeenApplied = false,
            };
        }
    }

    /// <summary>Asks the servers how they are set up, over a connection of its own, which is closed again; over the client itself where it
    /// is lent.</summary>
    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<StoreFinding>> DiagnoseAsync(CancellationToken cancellationToken = default)
    {
        IReadOnlyList<ServerFacts> servers = await InspectAsync(cancellationToken).ConfigureAwait(false);
        return RedisDiagnosis.Of(_connection.IsLent ? null : _connection.Connector(), servers, _settings.Replicas ?? 0);
    }

    /// <summary>What ends a lease by its id.</summary>
    internal StoreStepCall ReleaseOf(string key, string holderId) => _steps.Release(key, holderId);

    /// <summary>What the servers tell.</summary>
    /// <exception cref="LockStoreException">None of them can be reached.</exception>
    internal async Task<IReadOnlyList<ServerFacts>> InspectAsync(CancellationToken cancellationToken)
    {
        if (_connection.IsLent)
            return await ServerInspection.ReadAsync(_connection, cancellationToken).ConfigureAwait(false);
        var questions = new RedisConnection(_connection.Connector().ForQuestions(), _connection.Time);
        await using (questions.ConfigureAwait(false))
            return await ServerInspection.ReadAsync(questions, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync().ConfigureAwait(false);
        if (_replicated is not null)
            await _replicated.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Reads the answer of a step that tells who waits (Scripts/notify.lua). That it could not tell them changes nothing of what
    /// it did.</summary>
    internal StoreReply ReadTold(RedisResult answer)
    {
        int reply = (int)answer;
        if ((reply & 4) != 0)
            _connection.SayNoNotices("this user may not publish there", _options.RetryDelay ?? PollingWatch.DefaultPause, _layout.Channel);
        return (StoreReply)(reply & 3);
    }

    /// <summary>Reads the answer of an acquire: a token, or the folded number of a busy answer.</summary>
    private AcquireReply ReadGrant(in StoreStepCall step, AcquireRequest request, bool waits, RedisResult result, long sentAt)
    {
        long answer = (long)result;
        if (answer > 0)
        {
            // As text comes what was drawn before.
            _steps.Learn(step, request, answer, result.Resp2Type == ResultType.Integer, sentAt);
            if (waits)
                Channel.Granted(_layout.Prefix + request.Key, request.HolderId);
            return AcquireReply.Granted(answer);
        }

        long folded = -1 - answer;
        long left = (folded >> 1) - 2;
        return AcquireReply.Busy(left < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromMilliseconds(left), (folded & 1) == 1);
    }

    private async ValueTask<AcquireReply> AcquireReplicatedAsync(
        ReplicatedSteps replicated,
        AcquireRequest request,
        StoreStepCall step,
        Func<RedisResult, AcquireReply> read,
        CancellationToken cancellationToken)
    {
        if (step.IsSplitOnCluster)
            await RefuseOnClusterAsync(step, cancellationToken).ConfigureAwait(false);
        // The step goes over a connection of its own; losses are heard over ours.
        if (_losses.IsHeard)
            await _connection.ConnectAsync(cancellationToken).ConfigureAwait(false);
        return await replicated.AcquireAsync(
            step, read, token => TryReleaseAsync(request.Key, request.HolderId, token), cancellationToken).ConfigureAwait(false);
    }

    private ValueTask<T> RunAsync<T>(in StoreStepCall step, Func<RedisResult, T> read, CancellationToken cancellationToken) =>
        step.IsSplitOnCluster
            ? RunUnlessClusterAsync(step, read, cancellationToken)
            : new(_connection.EvaluateAsync(step.Script, step.Keys, step.Values, read, cancellationToken));

    private async ValueTask<T> RunUnlessClusterAsync<T>(StoreStepCall step, Func<RedisResult, T> read, CancellationToken cancellationToken)
    {
        await RefuseOnClusterAsync(step, cancellationToken).ConfigureAwait(false);
        return await _connection.EvaluateAsync(step.Script, step.Keys, step.Values, read, cancellationToken).ConfigureAwait(false);
    }

    private async Task RefuseOnClusterAsync(StoreStepCall step, CancellationToken cancellationToken)
    {
        if (!await _connection.IsClusterAsync(cancellationToken).ConfigureAwait(false))
            return;
        throw new LockStoreException(
            $"The key '{(string?)step.Keys[0]}' cannot be used on a Redis Cluster: its braces keep the companion records from sharing " +
            "its hash slot. " +
            "Use a key without '}', or with a hash tag such as {tag}.",
            isTransient: false)
        {
            MayHaveBeenApplied = false,
        };
    }
}
