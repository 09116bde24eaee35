using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace Locking;

/// <summary>The one connection of a store and of its views: made at the first request, or lent by the application.</summary>
/// <remarks>
/// <para>Every request has a time limit of its own, shorter than the client's: a request that is not answered in time stays under way in
/// the client, and its answer goes nowhere. What it then does on the server ends with the ttl at the latest.</para>
/// <para>A connection of our own that does not answer for a while although a new one does is replaced by the new one.</para>
/// <para>It is composed: where the client stands (<see cref="ClientSlot"/>), how it comes there (<see cref="OwnClient"/>,
/// <see cref="LentClient"/>), what it tells of its connections (<see cref="ConnectionEvents"/>), whether it is silent
/// (<see cref="SilenceWatch"/>), and how scripts are sent (<see cref="ScriptSender"/>).</para>
/// </remarks>
internal sealed class RedisConnection : IAsyncDisposable
{
    private readonly Lock _partsGate = new();
    private readonly ClientSlot _slot = new();
    private readonly OwnClient? _own;
    private readonly LentClient? _lent;
    private readonly IConnectionMultiplexer? _lentClient;
    private readonly ConnectionEvents _events;
    private readonly SilenceWatch _silence;
    private readonly ScriptSender _scripts;
    private readonly RequestLimit _limit;
    private readonly ILogger _logger;
    private volatile IConnectionPart[] _parts = [];
    private bool _saidNoNotices;
    private bool _ending;

    /// <summary>A connection of our own.</summary>
    public RedisConnection(IRedisConnector connector, TimeProvider time, ILogger? logger = null)
        : this(connector.Server, connector.Database, connector.CommandTimeout, connector.ChannelPrefix, isLent: false, time, logger) =>
        _own = new OwnClient(connector, _slot, _limit, time, OnConnectedAsync);

    /// <summary>A connection that the application owns: never disposed here.</summary>
    public RedisConnection(IConnectionMultiplexer lent, int database, TimeSpan commandTimeout, TimeProvider time, ILogger? logger = null)
        : this(
            $"Redis at {string.Join(", ", lent.GetEndPoints(configuredOnly: true).Select(EndPointNames.Of))}",
            database, commandTimeout, "", isLent: true, time, logger)
    {
        _lentClient = lent;
        _lent = new LentClient(lent, _slot, Channels, Forced, time);
        _events.Listen(lent);
        _lent.Begin();
    }

    private RedisConnection(
        string server, int database, TimeSpan commandTimeout, string channelPrefix, bool isLent, TimeProvider time, ILogger? logger)
    {
        Server = server;
        Database = database;
        Time = time;
        _logger = logger ?? NullLogger.Instance;
        _limit = new RequestLimit(commandTimeout, time);
        Clock = new ServerClock(time);
        Channels = new ChannelNames(channelPrefix);
        Forced = new ForcedChannel(commandTimeout, time);
        _events = new ConnectionEvents(isLent, OnInterrupted, Forced.OnInterrupted);
        // A lent client is the application's to replace.
        _silence = new SilenceWatch(time, client => !isLent && ReferenceEquals(client, _slot.Current), ReplaceAsync);
        _scripts = new ScriptSender(database, server, commandTimeout, time, isLent, _silence);
    }

    /// <summary>The database number; -1 for the client's default.</summary>
    public int Database { get; }

    /// <summary>The limit of one request.</summary>
    public TimeSpan CommandTimeout => _limit.Span;

    /// <summary>Whether the application lends the client.</summary>
    public bool IsLent => _lent is not null;

    /// <summary>The server, for messages.</summary>
    public string Server { get; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; }

    /// <summary>Locks that were taken away by force: one subscription for all views.</summary>
    public ForcedChannel Forced { get; }

    /// <summary>What is known of the server's clock.</summary>
    public ServerClock Clock { get; }

    /// <summary>The names of channels as the server knows them.</summary>
    public ChannelNames Channels { get; }

    /// <summary>Whether all requests go to one server over a connection of our own, which is never sent one that was made before it stood.
    /// A lent client may keep requests while it is not connected; with several servers another one may answer the next.</summary>
    public bool HasOneServer => !IsLent && Connected is { } client && client.GetEndPoints() is [var only] &&
        client.GetServer(only).ServerType == ServerType.Standalone;

    /// <summary>Raised when a connection to a server was lost or has come back.</summary>
    public event Action? Interrupted;

    /// <summary>The client, if it is connected.</summary>
    public IConnectionMultiplexer? Connected => _slot.Current;

    /// <summary>Puts a part on the connection: it is told what becomes of it, and ends with it.</summary>
    /// <returns>The part.</returns>
    public T Attach<T>(T part)
        where T : IConnectionPart
    {
        lock (_partsGate)
            _parts = [.. _parts, part];
        return part;
    }

    /// <summary>The client, connected.</summary>
    /// <exception cref="LockStoreException">The server cannot be reached.</exception>
    public ValueTask<IConnectionMultiplexer> ConnectAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return _slot.Current is { } ready ? new(ready) : new(ConnectFirstAsync(cancellationToken));
    }

    /// <summary>Runs a script and reads its answer: one round trip, two when the server does not know it yet.</summary>
    /// <remarks>Whoever awaits this goes on upon a pool thread that delivers no other answers.</remarks>
    /// <exception cref="LockStoreException">The server failed or did not answer.</exception>
    public Task<T> EvaluateAsync<T>(
        RedisScript script, RedisKey[] keys, RedisValue[] values, Func<RedisResult, T> read, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled<T>(cancellationToken);
        return _slot.Current is { } ready
            ? _scripts.SendAsync(ready, script, keys, values, read, cancellationToken)
            : EvaluateFirstAsync(script, keys, values, read, cancellationToken);
    }

    /// <summary>Runs a script, and where it answers 0 another one.</summary>
    /// <exception cref="LockStoreException">The server failed or did not answer.</exception>
    public Task<T> EvaluateAsync<T>(
        in StoreStepCall step, IScriptAlternative alternative, Func<RedisResult, T> read, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled<T>(cancellationToken);
        if (_slot.Current is { } ready)
            return _scripts.SendAsync(ready, step.Script, step.Keys, step.Values, read, cancellationToken, alternative);
        StoreStepCall instead = alternative.Make();
        return EvaluateFirstAsync(instead.Script, instead.Keys, instead.Values, read, cancellationToken);
    }

    /// <summary>Runs a script.</summary>
    /// <exception cref="LockStoreException">The server failed or did not answer.</exception>
    public Task<RedisResult> EvaluateAsync(RedisScript script, RedisKey[] keys, RedisValue[] values, CancellationToken cancellationToken) =>
        EvaluateAsync(script, keys, values, static answer => answer, cancellationToken);

    /// <summary>Sends a script whose call is told of its end. Where no client is connected it is sent when one is.</summary>
    public void Send(ScriptCall call, in StoreStepCall step, CancellationToken cancellationToken)
    {
        if (_slot.Current is { } ready)
            call.Begin(_scripts, ready, step.Script, step.Keys, step.Values, cancellationToken);
        else
            _ = SendFirstAsync(call, step, cancellationToken);
    }

    /// <summary>Runs a command that has no method of its own.</summary>
    /// <param name="command">The command.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="extraTime">How long the server may take on purpose, beyond the limit of a request.</param>
    /// <param name="cancellationToken">Leaves the outcome unknown.</param>
    /// <exception cref="LockStoreException">The server failed or did not answer.</exception>
    public async Task<RedisResult> ExecuteAsync(string command, object[] arguments, TimeSpan extraTime, CancellationToken cancellationToken)
    {
        IConnectionMultiplexer client = await ConnectAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            Task<RedisResult> sent = client.GetDatabase(Database).ExecuteAsync(command, arguments, CommandFlags.DemandMaster);
            return await _limit.WithinAsync(sent, cancellationToken, extraTime).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            throw RedisFaults.Wrap(exception, command, Server, client);
        }
    }

    /// <inheritdoc cref="RequestLimit.WithinAsync"/>
    public Task<T> LimitAsync<T>(Task<T> request, CancellationToken cancellationToken) => _limit.WithinAsync(request, cancellationToken);

    /// <summary>Whether the server is part of a Redis Cluster.</summary>
    public async ValueTask<bool> IsClusterAsync(CancellationToken cancellationToken)
    {
        IConnectionMultiplexer client = await ConnectAsync(cancellationToken).ConfigureAwait(false);
        return Array.Exists(client.GetEndPoints(), endPoint => client.GetServer(endPoint).ServerType == ServerType.Cluster);
    }

    /// <summary>How another connection to the same place is made.</summary>
    /// <exception cref="InvalidOperationException">The client is lent: what it was made of is not known.</exception>
    public RedisConnector Connector() =>
        _own?.Connector as RedisConnector
        ?? throw new InvalidOperationException("A client that is lent does not tell how another one is made.");

    /// <summary>Another connection to the same place, for requests that the server may take so much longer for.</summary>
    /// <exception cref="InvalidOperationException">The client is lent: what it was made of is not known.</exception>
    public RedisConnection Another(TimeSpan extraTime) => new(Connector().WithLongRequests(extraTime), Time, _logger);

    /// <summary>Notices come back.</summary>
    public void OnNoticesBack() => _silence.OnNoticesBack();

    /// <summary>No notice comes back, although requests are answered.</summary>
    public void OnNoticesMissing(IConnectionMultiplexer asked) => _silence.OnNoticesMissing(asked);

    /// <summary>Says once that nobody hears of releases.</summary>
    public void SayNoNotices(string reason, TimeSpan pause, string channel)
    {
        if (!Interlocked.Exchange(ref _saidNoNotices, true))
            RedisLog.NoNotices(_logger, Server, reason, pause.TotalMilliseconds, Channels.Prefix + channel);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _ending, true))
            return;
        foreach (IConnectionPart part in _parts)
            await part.LeaveAsync().ConfigureAwait(false);
        (IConnectionMultiplexer? last, Task<IConnectionMultiplexer>? making) = _slot.End();
        foreach (IConnectionPart part in _parts)
            await part.DisposeAsync().ConfigureAwait(false);
        Forced.Stop();
        if ((_lentClient ?? last) is { } heard)
            _events.Unlisten(heard);
        if (IsLent)
            return;
        if (last is not null)
            OwnClient.Close(last);
        else if (making is not null)
            OwnClient.CloseLater(making);
    }

    private Task<IConnectionMultiplexer> ConnectFirstAsync(CancellationToken cancellationToken) =>
        _own?.ConnectAsync(cancellationToken) ?? _lent!.ConnectAsync(cancellationToken);

    private async Task<T> EvaluateFirstAsync<T>(
        RedisScript script, RedisKey[] keys, RedisValue[] values, Func<RedisResult, T> read, CancellationToken cancellationToken)
    {
        IConnectionMultiplexer client = await ConnectAsync(cancellationToken).ConfigureAwait(false);
        return await _scripts.SendAsync(client, script, keys, values, read, cancellationToken).ConfigureAwait(false);
    }

    private async Task SendFirstAsync(ScriptCall call, StoreStepCall step, CancellationToken cancellationToken)
    {
        IConnectionMultiplexer client;
        try
        {
            client = await ConnectAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // Over the pool, since whoever sends may hold a gate.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            call.Refuse(exception);
            return;
        }

        call.Begin(_scripts, client, step.Script, step.Keys, step.Values, cancellationToken);
    }

    private Task OnConnectedAsync(IConnectionMultiplexer client)
    {
        _events.Listen(client);
        return Forced.OnConnectedAsync(client);
    }

    private void OnInterrupted()
    {
        Clock.Void();
        _lent?.OnInterrupted();
        foreach (IConnectionPart part in _parts)
            part.OnInterrupted();
        Forced.OnInterrupted();
        Interrupted?.Invoke();
    }

    private async Task ReplaceAsync(IConnectionMultiplexer silent, string silence, long since)
    {
        try
        {
            if (await _own!.TryOpenAnotherAsync(Database, SilenceWatch.KeyOf(silence)).ConfigureAwait(false) is not { } fresh)
                return;
            // Answered, or noticed, in the meantime: then nothing is wrong with it.
            if (!_slot.TryReplace(silent, fresh, () => _silence.Lasts(silence)))
            {
                OwnClient.Close(fresh);
                return;
            }

            Clock.Void();
            _silence.Clear();
            RedisLog.Replaced(_logger, Server, Time.GetElapsedTime(since).TotalMilliseconds);
            _events.Move(silent, fresh);
            // The subscriptions that stood are made anew, and everybody who waits is told to ask.
            await Forced.OnConnectedAsync(fresh).ConfigureAwait(false);
            OnInterrupted();
            OwnClient.Close(silent);
        }
        finally
        {
            _silence.EndReplacing();
        }
    }
}
