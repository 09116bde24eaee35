using MongoDB.Bson;
using MongoDB.Driver;
using MongoDB.Driver.Core.Clusters;

namespace Locking;

/// <summary>Runs commands through MongoDB's driver: at the server that takes writes, within our limits, and knowing of each whether it was
/// sent.</summary>
internal sealed class DriverCommandRunner : IMongoCommandRunner, IMongoMembers, IDisposable
{
    /// <summary>Between two looks at the servers while none takes writes.</summary>
    private static readonly TimeSpan s_glance = TimeSpan.FromMilliseconds(50);

    private readonly MongoClientSource _source;
    private readonly TimeProvider _time;
    private readonly MongoServers _servers;
    private readonly MongoDriverFaults _faults;

    /// <summary>The way in which we learn that a command was sent works: always for a client of our own; for one that is lent, which may be
    /// wrapped in anything, once it was seen to.</summary>
    private volatile bool _knowsSending;

    public DriverCommandRunner(MongoClientSource source, TimeProvider time)
    {
        _source = source;
        _time = time;
        _servers = source.Servers;
        _faults = new MongoDriverFaults(source.Target, _servers);
        _knowsSending = !source.IsLent;
    }

    public MongoClientSource Source => _source;

    public ValueTask<BsonDocument> RunAsync(string database, BsonDocument command, CancellationToken cancellationToken) =>
        RunAsync(database, command, ReadPreference.Primary, cancellationToken);

    /// <summary>Asks a member that need not take writes.</summary>
    public ValueTask<BsonDocument> GreetAsync(BsonDocument command, CancellationToken cancellationToken) =>
        RunAsync("admin", command, ReadPreference.Nearest, cancellationToken);

    public Task<IReadOnlyList<MongoMember>> GreetAllAsync(CancellationToken cancellationToken) =>
        new MongoMembers(_source, _servers, _time).GreetAllAsync(cancellationToken);

    private async ValueTask<BsonDocument> RunAsync(string database, BsonDocument command, ReadPreference preference,
        CancellationToken cancellationToken)
    {
        long start = _time.GetTimestamp();
        IMongoClient client;
        try
        {
            client = await _source.GetAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            throw new CommandCanceledException(wasSent: false, cancellationToken);
        }

        using var once = new Try(this, client, command, start, cancellationToken);
        BsonDocument reply = await once.RunAsync(database, preference).ConfigureAwait(false);
        _servers.HasAnswered();
        return reply;
    }

    public void Dispose() => _source.Dispose();

    /// <summary>One try of one command.</summary>
    private sealed class Try : IDisposable
    {
        private readonly DriverCommandRunner _runner;
        private readonly IMongoClient _client;
        private readonly long _start;
        private readonly CancellationToken _caller;
        private readonly CancellationTokenSource _end;
        private readonly SentCommand _command;

        public Try(DriverCommandRunner runner, IMongoClient client, BsonDocument command, long start, CancellationToken cancellationToken)
        {
            _runner = runner;
            _client = client;
            _start = start;
            _caller = cancellationToken;
            _end = new CancellationTokenSource(Timeout.InfiniteTimeSpan, runner._time);
            _command = new SentCommand(command, OnSending);
        }

        private MongoTarget Target => _runner._source.Target;

        private bool WasSent => _command.WasSent || !_runner._knowsSending;

        public async ValueTask<BsonDocument> RunAsync(string database, ReadPreference preference)
        {
            using (_caller.UnsafeRegister(static end => ((CancellationTokenSource)end!).Cancel(), _end))
            {
                try
                {
                    return await SendAsync(database, preference).ConfigureAwait(false);
                }
                catch (MongoCommandException exception) when (exception.Result is not null)
                {
                    // A refusal, or a write concern that was not satisfied: to the store a reply.
                    return exception.Result;
                }
                catch (MongoExecutionTimeoutException exception)
                {
                    return new BsonDocument { { "ok", 0 }, { "code", exception.Code }, { "errmsg", exception.Message } };
                }
                catch (OperationCanceledException) when (_caller.IsCancellationRequested)
                {
                    throw new CommandCanceledException(WasSent, _caller);
                }
                catch (OperationCanceledException exception) when (_end.IsCancellationRequested)
                {
                    throw MongoFailure.Create($"{Target} did not answer within commandTimeout "
                        + $"({Target.CommandTimeout.TotalMilliseconds:0} ms).", isTransient: true, mayHaveRun: WasSent, exception);
                }
                catch (Exception exception) when (exception is TimeoutException && !_command.WasSent
                    && !_runner._servers.IsReady(_client.Cluster.Description))
                {
                    throw NotFound(exception);
                }
                catch (Exception exception) when (exception is not LockStoreException)
                {
                    throw _runner._faults.Explain(exception, WasSent && !IsBeforeSending(exception));
                }
            }
        }

        public void Dispose() => _end.Dispose();

        private async Task<BsonDocument> SendAsync(string database, ReadPreference preference)
        {
            ClusterDescription description = _client.Cluster.Description;
            Task<BsonDocument> running = _client.GetDatabase(database)
                .RunCommandAsync(new BsonDocumentCommand<BsonDocument>(_command), preference, _end.Token);
            if (!running.IsCompleted && !_runner._servers.IsReady(description)) await WatchAsync(running).ConfigureAwait(false);
            BsonDocument reply = await running.ConfigureAwait(false);
            if (!_runner._knowsSending) _runner._knowsSending = _command.WasSent;
            return reply;
        }

        /// <summary>By their kind alone failures of a command that was not sent.</summary>
        private static bool IsBeforeSending(Exception exception) =>
            exception is MongoWaitQueueFullException or MongoConnectionPoolPausedException or MongoAuthenticationException
                or MongoIncompatibleDriverException or MongoConfigurationException
            || (exception is TimeoutException && exception.Message.Contains("selecting a server", StringComparison.Ordinal));

        /// <summary>While the driver looks for a server that takes writes: ends what waiting cannot help, and what lasts too
        /// long.</summary>
        private async Task WatchAsync(Task<BsonDocument> running)
        {
            try
            {
                await WatchServersAsync(running).ConfigureAwait(false);
            }
            catch (ObjectDisposedException)
            {
                // The client was disposed. The driver would go on, and its task fail when nobody looks at it any more.
                await _end.CancelAsync().ConfigureAwait(false);
                await ((Task)running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                throw;
            }
        }

        private async Task WatchServersAsync(Task<BsonDocument> running)
        {
            while (!_command.WasSent)
            {
                using (var glance = CancellationTokenSource.CreateLinkedTokenSource(_end.Token))
                {
                    await Task.WhenAny(running, Task.Delay(s_glance, _runner._time, glance.Token)).ConfigureAwait(false);
                    await glance.CancelAsync().ConfigureAwait(false);
                }

                if (running.IsCompleted || _command.WasSent || _end.IsCancellationRequested) return;
                ClusterDescription description = _client.Cluster.Description;
                if (_runner._servers.IsReady(description)) return;
                (_, bool isHopeless) = _runner._servers.Judge(description);
                if (!isHopeless && !IsTooLate) continue;
                await _end.CancelAsync().ConfigureAwait(false);
                try
                {
                    await running.ConfigureAwait(false);
                    return;
                }
                catch (Exception exception) when (!_command.WasSent && !_caller.IsCancellationRequested)
                {
                    throw NotFound(exception);
                }
            }
        }

        private bool IsTooLate =>
            Target.SelectionTimeout != Timeout.InfiniteTimeSpan && _runner._time.GetElapsedTime(_start) >= Target.SelectionTimeout;

        private LockStoreException NotFound(Exception exception)
        {
            (string text, bool isHopeless) = _runner._servers.Judge(_client.Cluster.Description);
            string waited = isHopeless
                ? "" : $" within {Target.SelectionTimeout.TotalMilliseconds:0} ms "
                + $"(connectTimeout{(Target.IsLent ? "" : ", or serverSelectionTimeoutMS of the URI")})";
            return MongoFailure.Create($"No server that takes writes was found{waited}: {text}.", !isHopeless, mayHaveRun: false,
                exception);
        }

        private void OnSending()
        {
            if (Target.CommandTimeout == Timeout.InfiniteTimeSpan) return;
            try
            {
#pragma warning disable RS0030 // The source was created with a time provider.
                _end.CancelAfter(Target.CommandTimeout);
#pragma warning restore RS0030
            }
            catch (ObjectDisposedException)
            {
                // Its sender has gone.
            }
        }
    }
}
