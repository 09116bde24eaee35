using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace Locking;

/// <summary>The one connection of a store and of its views: made at the first request, or lent by the application.</summary>
/// <remarks>
/// <para>Every request has a time limit of its own, shorter than the client's: a request that is not answered in time stays under way in the
/// client, and its answer goes nowhere. What it then does on the server ends with the ttl at the latest.</para>
/// <para>A connection of our own that does not answer for a while although a new one does is replaced by the new one.</para>
/// </remarks>
internal sealed partial class RedisConnection : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly IRedisConnector? _connector;
    private readonly IConnectionMultiplexer? _lent;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<string, ReleaseChannel> _channels = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(int Replicas, TimeSpan Timeout), Lazy<ReplicatedWriter>> _writers = new();
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<string, RedisValue> _channelNames = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(EndPoint? Server, ConnectionType Kind), bool> _failed = new();
    private Task<IConnectionMultiplexer>? _connecting;
    private IConnectionMultiplexer? _multiplexer;
    private string _channelPrefix = "";
    private long _reconfiguredAt;
    private bool _saidNoNotices;
    private volatile bool _knowsChannels;
    private bool _ending;
    private bool _disposed;

    /// <summary>A connection of our own.</summary>
    public RedisConnection(IRedisConnector connector, TimeProvider time, ILogger? logger = null)
    {
        _connector = connector;
        _time = time;
        _logger = logger ?? NullLogger.Instance;
        _channelPrefix = connector.ChannelPrefix;
        Database = connector.Database;
        CommandTimeout = connector.CommandTimeout;
        Alarms = AlarmClock.For(SystemClock.InPlaceOf(time));
        Server = connector.Server;
        Clock = new ServerClock(time);
        Forced = new ForcedChannel(this);
    }

    /// <summary>A connection that the application owns: never disposed here.</summary>
    public RedisConnection(IConnectionMultiplexer lent, int database, TimeSpan commandTimeout, TimeProvider time, ILogger? logger = null)
    {
        _time = time;
        _logger = logger ?? NullLogger.Instance;
        _lent = lent;
        Database = database;
        CommandTimeout = commandTimeout;
        Alarms = AlarmClock.For(SystemClock.InPlaceOf(time));
        Clock = new ServerClock(time);
        Server = $"Redis at {string.Join(", ", lent.GetEndPoints(configuredOnly: true).Select(EndPointNames.Of))}";
        Forced = new ForcedChannel(this);
        Listen(lent);
        // A client that is connected is ready as soon as its channels are known; who asks before that waits for it.
        _connecting = DetachedFlow.Start(() => Task.Run(AdoptAsync, CancellationToken.None));
        Forget(_connecting);
    }

    /// <summary>The database number; -1 for the client's default.</summary>
    public int Database { get; }

    /// <summary>The limit of one request.</summary>
    public TimeSpan CommandTimeout { get; }

    /// <summary>Rings when the time of a request is up.</summary>
    public AlarmClock Alarms { get; }

    /// <summary>Whether the application lends the client.</summary>
    public bool IsLent => _lent is not null;

    /// <summary>The server, for messages.</summary>
    public string Server { get; }

    /// <summary>The clock.</summary>
    public TimeProvider Time => _time;

    /// <summary>Locks that were taken away by force: one subscription for all views.</summary>
    public ForcedChannel Forced { get; }

    /// <summary>What is known of the server's clock.</summary>
    public ServerClock Clock { get; }

    /// <summary>Whether all requests go to one server over a connection of our own, which is never sent one that was made before it stood. A lent
    /// client may keep requests while it is not connected; with several servers another one may answer the next.</summary>
    public bool HasOneServer => !IsLent && Connected is { } multiplexer && multiplexer.GetEndPoints() is [var only] &&
        multiplexer.GetServer(only).ServerType == ServerType.Standalone;

    /// <summary>Raised when a connection to a server was lost or has come back.</summary>
    public event Action? Interrupted;

    /// <summary>The channel of releases of a format: one for all views.</summary>
    public ReleaseChannel Channel(KeyLayout layout) =>
        _channels.GetOrAdd(layout.Channel, static (_, state) => new ReleaseChannel(state.Connection, state.Layout), (Connection: this, Layout: layout));

    /// <summary>The client, if it is connected.</summary>
    public IConnectionMultiplexer? Connected => _disposed ? null : Volatile.Read(ref _multiplexer);

    /// <summary>The client, connected.</summary>
    /// <exception cref="LockStoreException">The server cannot be reached.</exception>
    public ValueTask<IConnectionMultiplexer> ConnectAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Volatile.Read(ref _multiplexer) is { } ready && !_disposed ? new(ready) : new(ConnectFirstAsync(cancellationToken));
    }

    /// <summary>Runs a script and reads its answer: one round trip, two when the server does not know it yet.</summary>
    /// <remarks>Whoever awaits this goes on upon a pool thread that delivers no other answers.</remarks>
    /// <exception cref="LockStoreException">The server failed or did not answer.</exception>
    public Task<T> EvaluateAsync<T>(
        RedisScript script, RedisKey[] keys, RedisValue[] values, Func<RedisResult, T> read, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled<T>(cancellationToken);
        return Volatile.Read(ref _multiplexer) is { } ready && !_disposed
            ? ScriptRequest<T>.Begin(this, ready, script, keys, values, read, cancellationToken)
            : EvaluateFirstAsync(script, keys, values, read, cancellationToken);
    }

    /// <summary>Runs a script.</summary>
    /// <exception cref="LockStoreException">The server failed or did not answer.</exception>
    public Task<RedisResult> EvaluateAsync(RedisScript script, RedisKey[] keys, RedisValue[] values, CancellationToken cancellationToken) =>
        EvaluateAsync(script, keys, values, static answer => answer, cancellationToken);

    /// <summary>Runs a command that has no method of its own.</summary>
    /// <param name="command">The command.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="extraTime">How long the server may take on purpose, beyond the limit of a request.</param>
    /// <param name="cancellationToken">Leaves the outcome unknown.</param>
    /// <exception cref="LockStoreException">The server failed or did not answer.</exception>
    public async Task<RedisResult> ExecuteAsync(string command, object[] arguments, TimeSpan extraTime, CancellationToken cancellationToken)
    {
        var multiplexer = await ConnectAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await LimitAsync(
                multiplexer.GetDatabase(Database).ExecuteAsync(command, arguments, CommandFlags.DemandMaster), cancellationToken, extraTime).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            throw RedisFaults.Wrap(exception, command, Server, multiplexer);
        }
    }

    /// <summary>Whether the server is part of a Redis Cluster.</summary>
    public async ValueTask<bool> IsClusterAsync(CancellationToken cancellationToken)
    {
        var multiplexer = await ConnectAsync(cancellationToken).ConfigureAwait(false);
        return Array.Exists(multiplexer.GetEndPoints(), endPoint => multiplexer.GetServer(endPoint).ServerType == ServerType.Cluster);
    }

    /// <summary>The writer that waits for replicas, made at the first use: one for all views with the same demand.</summary>
    public ReplicatedWriter Replicated(int replicas, TimeSpan timeout) =>
        _writers.GetOrAdd((replicas, timeout), static (demand, self) => new Lazy<ReplicatedWriter>(() => self.NewWriter(demand)), this).Value;

    /// <summary>How another connection to the same place is made.</summary>
    /// <exception cref="InvalidOperationException">The client is lent: what it was made of is not known.</exception>
    public RedisConnector Connector() =>
        _connector as RedisConnector ?? throw new InvalidOperationException("A client that is lent does not tell how another one is made.");

    /// <summary>The name of a channel as the server knows it: scripts publish there.</summary>
    public RedisValue ChannelName(string channel) =>
        _channelNames.GetOrAdd(channel, static (name, self) => self._channelPrefix + name, this);

    /// <summary>Says once that nobody hears of releases.</summary>
    public void SayNoNotices(string reason, TimeSpan pause, string channel)
    {
        lock (_gate)
        {
            if (_saidNoNotices)
                return;
            _saidNoNotices = true;
        }

        RedisLog.NoNotices(_logger, Server, reason, pause.TotalMilliseconds, _channelPrefix + channel);
    }

    private async Task<T> EvaluateFirstAsync<T>(
        RedisScript script, RedisKey[] keys, RedisValue[] values, Func<RedisResult, T> read, CancellationToken cancellationToken)
    {
        var multiplexer = await ConnectAsync(cancellationToken).ConfigureAwait(false);
        return await ScriptRequest<T>.Begin(this, multiplexer, script, keys, values, read, cancellationToken).ConfigureAwait(false);
    }

    private ReplicatedWriter NewWriter((int Replicas, TimeSpan Timeout) demand)
    {
        return new ReplicatedWriter(new RedisConnection(Connector().WithLongRequests(demand.Timeout), _time, _logger), demand.Replicas, demand.Timeout);
    }

    /// <summary>Waits for a request within the limit. The client's answer to a request that was given up is swallowed.</summary>
    /// <remarks>Whoever awaits this goes on upon a pool thread of its own: the client runs continuations on the thread that delivers its
    /// answers, and a caller that blocked there would hold up every other request.</remarks>
    /// <exception cref="TimeoutException">No answer in time.</exception>
    public async Task<T> LimitAsync<T>(Task<T> request, CancellationToken cancellationToken, TimeSpan extraTime = default)
    {
        if (!request.IsCompleted)
        {
            try
            {
                return await request.WaitAsync(CommandTimeout + extraTime, _time, cancellationToken).ConfigureAwait(false);
            }
            catch when (!request.IsCompleted)
            {
                Forget(request);
                throw;
            }
            finally
            {
                await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            }
        }

        return await request.ConfigureAwait(false);
    }

    /// <summary>Observes the fault of a task nobody waits for.</summary>
    public static void Forget(Task task) =>
        _ = task.ContinueWith(
            static ended => _ = ended.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _ending, true))
            return;
        foreach (var channel in _channels.Values)
            await channel.LeaveAsync().ConfigureAwait(false);
        Task<IConnectionMultiplexer>? connecting;
        IConnectionMultiplexer? multiplexer;
        lock (_gate)
        {
            _disposed = true;
            connecting = _connecting;
            multiplexer = _multiplexer;
        }

        foreach (var writer in _writers.Values)
        {
            if (writer.IsValueCreated)
                await writer.Value.DisposeAsync().ConfigureAwait(false);
        }

        foreach (var channel in _channels.Values)
            await channel.DisposeAsync().ConfigureAwait(false);
        Forced.Stop();
        if ((_lent ?? multiplexer) is { } heard)
            Unlisten(heard);
        if (_connector is null)
            return;
        if (multiplexer is not null)
            Close(multiplexer);
        else if (connecting is not null)
            _ = connecting.ContinueWith(
                static made => Close(made), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private static void Close(Task<IConnectionMultiplexer> made)
    {
        if (made.IsCompletedSuccessfully)
            Close(made.GetAwaiter().GetResult());
        else
            _ = made.Exception;
    }

    private static void Close(IConnectionMultiplexer multiplexer)
    {
        // Not waiting for requests under way: a server that does not answer must not hold up the end of a program.
        multiplexer.Close(allowCommandsToComplete: false);
        multiplexer.Dispose();
    }

    private async Task<IConnectionMultiplexer> ConnectFirstAsync(CancellationToken cancellationToken)
    {
        Task<IConnectionMultiplexer> connecting;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(RedisLockStore));
            if (_multiplexer is { } ready)
                return ready;
            if (_connecting is not { } pending || pending.IsFaulted || pending.IsCanceled)
                _connecting = pending = DetachedFlow.Start(() => Task.Run(_lent is null ? OpenAsync : (Func<Task<IConnectionMultiplexer>>)AdoptAsync, CancellationToken.None));
            connecting = pending;
        }

        if (_lent is not null)
            return await connecting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await connecting.WaitAsync(_connector!.ConnectTimeout, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException exception) when (!connecting.IsCompleted)
        {
            // The attempt goes on; the next request finds it, or its outcome.
            Forget(connecting);
            throw new LockStoreException(
                $"{Server} did not let us connect within {_connector!.ConnectTimeout.TotalMilliseconds:0} ms (connection.connectTimeout).{_connector.Hint}",
                isTransient: true, exception)
            {
                MayHaveBeenApplied = false,
            };
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            var fault = RedisFaults.Wrap(exception, "connect", Server + _connector!.Hint);
            // Whatever became of the handshake, no step was sent.
            throw fault.MayHaveBeenApplied
                ? new LockStoreException(fault.Message, fault.IsTransient, fault.InnerException) { MayHaveBeenApplied = false }
                : fault;
        }
        catch (OperationCanceledException)
        {
            Forget(connecting);
            throw;
        }
    }

    private async Task<IConnectionMultiplexer> OpenAsync()
    {
        var multiplexer = await _connector!.ConnectAsync(_time).ConfigureAwait(false);
        bool late;
        lock (_gate)
        {
            late = _disposed;
            if (!late)
                _multiplexer = multiplexer;
        }

        if (late)
        {
            Close(multiplexer);
            throw new ObjectDisposedException(nameof(RedisLockStore));
        }

        Listen(multiplexer);
        await Forced.OnConnectedAsync(multiplexer).ConfigureAwait(false);
        return multiplexer;
    }

    /// <summary>Finds out where the lent client's channels are, and is ready.</summary>
    private async Task<IConnectionMultiplexer> AdoptAsync()
    {
        // One that is not connected yet is asked when it is.
        if (_lent!.IsConnected)
        {
            _channelPrefix = await new ChannelPrefix(this, _lent).FindAsync().ConfigureAwait(false);
            _channelNames.Clear();
            _knowsChannels = true;
        }

        lock (_gate)
        {
            if (!_disposed)
                _multiplexer = _lent;
        }

        await Forced.OnConnectedAsync(_lent!).ConfigureAwait(false);
        return _lent!;
    }

    private void Listen(IConnectionMultiplexer multiplexer)
    {
        multiplexer.ConnectionFailed += OnFailed;
        multiplexer.ConnectionRestored += OnRestored;
    }

    private void Unlisten(IConnectionMultiplexer multiplexer)
    {
        multiplexer.ConnectionFailed -= OnFailed;
        multiplexer.ConnectionRestored -= OnRestored;
    }

    private void OnFailed(object? sender, ConnectionFailedEventArgs failure)
    {
        _failed[(failure.EndPoint, failure.ConnectionType)] = true;
        OnInterrupted();
    }

    /// <summary>The client tells of connections that are made for the first time, too: nothing was missed on those. What a lent client went
    /// through before it was lent is not known.</summary>
    private void OnRestored(object? sender, ConnectionFailedEventArgs restored)
    {
        if (_failed.TryRemove((restored.EndPoint, restored.ConnectionType), out _) || IsLent)
            OnInterrupted();
        else
            Forced.OnInterrupted();
    }

    private void OnInterrupted()
    {
        Clock.Void();
        if (_lent is { IsConnected: true } && !_knowsChannels)
            Forget(DetachedFlow.Start(() => Task.Run(AdoptAsync, CancellationToken.None)));
        foreach (var channel in _channels.Values)
            channel.OnInterrupted();
        Forced.OnInterrupted();
        Interrupted?.Invoke();
    }

    /// <summary>Asks the client to look again who is master, at most once a second.</summary>
    public void Reconfigure(IConnectionMultiplexer multiplexer)
    {
        lock (_gate)
        {
            if (_reconfiguredAt != 0 && _time.GetElapsedTime(_reconfiguredAt) < TimeSpan.FromSeconds(1))
                return;
            _reconfiguredAt = _time.GetTimestamp();
        }

        Forget(multiplexer.ConfigureAsync());
    }
}
