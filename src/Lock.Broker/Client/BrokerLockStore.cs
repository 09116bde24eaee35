using System.Runtime.CompilerServices;

namespace Locking;

/// <summary>Locks at a broker, over one connection for all keys.</summary>
/// <remarks>
/// Waiting requests stand in the broker's queue. After a broken connection they are asked again, and what is held is reclaimed by id;
/// what the broker does not know any more, or somebody else has, is raised as <see cref="LeaseLost"/>.
/// </remarks>
public sealed class BrokerLockStore : ILockStore, IWaitingStore, IForceReleaseStore, ILossSignal, IStoreDiagnostics
{
    private readonly BrokerClient _client;

    /// <summary>Creates a store; the first request connects.</summary>
    /// <param name="connection">Where the broker is; null for the default TCP port on this machine.</param>
    /// <param name="launcher">How one is started where <see cref="BrokerLockSettings.Launch"/> asks for it; null for the default.</param>
    /// <param name="context">Clock and logs; null for the system's clock and no logs.</param>
    /// <exception cref="LockConfigException">The connection's settings do not fit together.</exception>
    public BrokerLockStore(BrokerLockSettings? connection, BrokerLauncher? launcher = null, LockProviderContext? context = null)
    {
        if (connection is not null)
            BrokerLockSettings.Table.Check(connection);
        _client = new BrokerClient(connection, launcher ?? new BrokerLauncher(), context ?? LockProviderContext.Default);
    }

    /// <inheritdoc/>
    public event Action<StoreLoss>? LeaseLost
    {
        add => _client.Context.Lost += value;
        remove => _client.Context.Lost -= value;
    }

    /// <inheritdoc/>
    public string Type => "broker";

    /// <inheritdoc/>
    public async ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        BrokerAnswer answer = (await AskAsync(
            request, static (dialect, pending, _) => dialect.AskAcquire(pending), default, true, cancellationToken)
            .ConfigureAwait(false)).Answer;
        return answer.Kind switch
        {
            AnswerKind.Granted => AcquireReply.Granted(answer.Token, answer.Queued),
            AnswerKind.Busy => AcquireReply.Busy(answer.Remaining),
            _ => throw Unexpected(answer),
        };
    }

    /// <inheritdoc/>
    public async ValueTask<AcquireReply> AcquireAsync(AcquireRequest request, TimeSpan atMost, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        cancellationToken.ThrowIfCancellationRequested();
        long began = _client.Context.Time.GetTimestamp();
        BrokerConnection connection = (await _client.ConnectAsync(cancellationToken).ConfigureAwait(false)).Connection;
        var waiter = new PendingAnswer(_client.Context.NextNumber(), request, waits: true);
        WaitLimit? limit = null;
        _client.Enlist(waiter);
        try
        {
            connection.Dialect.AskAcquire(waiter);

            // After the request: a place cannot be given up before it was asked for.
            if (atMost != Timeout.InfiniteTimeSpan)
                limit = new WaitLimit(_client, waiter, atMost);
            BrokerAnswer answer = await HearAsync(waiter, cancellationToken).ConfigureAwait(false);
            if (answer.Kind == AnswerKind.Granted)
            {
                // Counted since the request was last sent, which may have been on a later connection than the first.
                TimeSpan sentAfter = _client.Context.Time.GetElapsedTime(began, waiter.SentAt);
                return AcquireReply.Granted(answer.Token, sentAfter + answer.Queued);
            }

            return answer.Kind == AnswerKind.Busy ? AcquireReply.Busy(answer.Remaining) : throw Unexpected(answer);
        }
        catch (OperationCanceledException)
        {
            _client.Current?.Dialect.TellWithdraw(waiter);
            throw;
        }
        finally
        {
            limit?.Dispose();
            _client.Delist(waiter);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken)
    {
        (BrokerAnswer answer, PendingAnswer? pending, Welcome _) = await AskAsync(
            null, static (dialect, pending, s) => dialect.AskExtend(pending, s.Key, s.HolderId, s.Ttl), new Subject(key, holderId, ttl),
            true, cancellationToken).ConfigureAwait(false);
        if (answer.Kind == AnswerKind.Done)
            _client.Context.Leases.Extended(holderId, ttl, pending.SentAt);
        else if (answer.Kind is AnswerKind.None or AnswerKind.Other)
            _client.Context.Leases.Remove(holderId);
        return ReplyOf(answer);
    }

    /// <inheritdoc/>
    public async ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken)
    {
        // First: a lease that is being given back must not be reclaimed for its own sake, whatever becomes of this request.
        HeldLease? lease = _client.Context.Leases.BeginRelease(holderId);
        bool mayLive = lease is null || _client.Context.Leases.RemainingOf(lease) != TimeSpan.Zero;
        (BrokerAnswer answer, PendingAnswer _, Welcome _) = await AskAsync(
            null, static (dialect, pending, s) => dialect.AskRelease(pending, s.Key, s.HolderId, s.Lease),
            new Subject(key, holderId, Lease: lease), false, cancellationToken, mayLive).ConfigureAwait(false);
        StoreReply reply = ReplyOf(answer);
        _client.Context.Leases.Remove(holderId);
        return reply;
    }

    /// <inheritdoc/>
    public async ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken)
    {
        (BrokerAnswer answer, PendingAnswer _, Welcome _) = await AskAsync(
            null, static (dialect, pending, s) => dialect.AskGet(pending, s.Key), new Subject(key), true, cancellationToken)
                .ConfigureAwait(false);
        return answer.Kind switch
        {
            AnswerKind.Info => answer.Info,
            AnswerKind.None => null,
            _ => throw Unexpected(answer),
        };
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<LockInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        (BrokerAnswer answer, PendingAnswer? pending, Welcome _) = await AskAsync(
            null, static (dialect, pending, s) => dialect.AskList(pending, s.Key), new Subject(prefix), true, cancellationToken)
            .ConfigureAwait(false);
        if (answer.Kind != AnswerKind.Done)
            throw Unexpected(answer);
        foreach (LockInfo info in pending.Items)
            yield return info;
    }

    /// <inheritdoc/>
    public async ValueTask<bool> ForceReleaseAsync(string key, CancellationToken cancellationToken)
    {
        (BrokerAnswer answer, PendingAnswer _, Welcome _) = await AskAsync(
            null, static (dialect, pending, s) => dialect.AskForce(pending, s.Key), new Subject(key), false, cancellationToken)
            .ConfigureAwait(false);
        return ReplyOf(answer) == StoreReply.Done;
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<StoreFinding>> DiagnoseAsync(CancellationToken cancellationToken = default)
    {
        (BrokerAnswer answer, PendingAnswer _, Welcome welcome) = await AskAsync(
            null, static (dialect, pending, _) => dialect.AskStatus(pending), default, true, cancellationToken).ConfigureAwait(false);
        if (answer.Kind is not (AnswerKind.Status or AnswerKind.Refused))
            throw Unexpected(answer);
        return BrokerDiagnosis.Of(_client.Context.Address, welcome, answer);
    }

    /// <summary>Hangs up. The broker gives up what is still held over the connection, but for what was taken with
    /// <see cref="AcquireRequest.KeepOnDisconnect"/>.</summary>
    public ValueTask DisposeAsync() => _client.DisposeAsync();

    /// <summary>Asks and hears the answer. What may be asked twice is asked again when the connection breaks before the answer: most
    /// often the broker was restarted, and the next connection knows.</summary>
    private async ValueTask<Answered> AskAsync(
        AcquireRequest? acquire, Action<IBrokerDialect, PendingAnswer, Subject> ask, Subject subject, bool mayRepeat,
        CancellationToken cancellationToken, bool mayUnlock = false)
    {
        cancellationToken.ThrowIfCancellationRequested();
        bool isRenewal = StoreThread.Current is not null;
        long began = _client.Context.Time.GetTimestamp();
        while (true)
        {
            BrokerConnection connection = (await _client.ConnectAsync(cancellationToken).ConfigureAwait(false)).Connection;
            var pending = new PendingAnswer(_client.Context.NextNumber(), acquire, waits: false) { MayUnlock = mayUnlock };
            bool isOnLine = isRenewal && connection.TryRenew(pending, (line, one) => ask(line, one, subject));
            if (!isOnLine)
                ask(connection.Dialect, pending, subject);
            isRenewal = false;
            BrokerAnswer answer;
            try
            {
                answer = await HearAsync(pending, cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                connection.Dialect.Forget(pending);
                throw;
            }

            // The line may have met a broker that was started after the grant. Only on the connection itself is it shown what is held, so
            // that it tells what is true.
            if (isOnLine && answer.Kind is (AnswerKind.None or AnswerKind.Other))
                continue;
            if (answer.Kind != AnswerKind.Lost || !mayRepeat
                || _client.Context.Time.GetElapsedTime(began) >= _client.Context.CommandTimeout)
                return new Answered(answer, pending, connection.Introduction);
            mayRepeat = false;
        }
    }

    /// <summary>Waits for an answer, or until the caller gives up.</summary>
    private static ValueTask<BrokerAnswer> HearAsync(PendingAnswer pending, CancellationToken cancellationToken) =>
        cancellationToken.CanBeCanceled ? HearOrGiveUpAsync(pending, cancellationToken) : pending.Answer;

    private static async ValueTask<BrokerAnswer> HearOrGiveUpAsync(PendingAnswer pending, CancellationToken cancellationToken)
    {
        CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            static (pending, token) => ((PendingAnswer)pending!).TrySetException(new OperationCanceledException(token)), pending);
        try
        {
            return await pending.Answer.ConfigureAwait(false);
        }
        finally
        {
            registration.Unregister();
        }
    }

    private StoreReply ReplyOf(BrokerAnswer answer) => answer.Kind switch
    {
        AnswerKind.Done => StoreReply.Done,
        AnswerKind.None => StoreReply.NotHeld,
        AnswerKind.Other => StoreReply.HeldByAnother,
        _ => throw Unexpected(answer),
    };

    private LockStoreException Unexpected(BrokerAnswer answer) => answer.Kind switch
    {
        AnswerKind.Refused => new LockStoreException(
            $"The broker at {_client.Context.Address} refused the request: {answer.Error}.", isTransient: false)
        {
            MayHaveBeenApplied = false,
        },
        AnswerKind.NotKnownYet => new LockStoreException(
            $"The broker at {_client.Context.Address} has come back without knowing all that was held, and whoever held the lock may "
            + "still reclaim it; it knows in "
            + $"{answer.Remaining.GetValueOrDefault().TotalSeconds:0.0} s.",
            isTransient: true) { MayHaveBeenApplied = false },
        _ => _client.Context.NoAnswer(),
    };

    /// <summary>What a request is about.</summary>
    private readonly record struct Subject(string Key, string HolderId = "", TimeSpan Ttl = default, HeldLease? Lease = null);

    /// <summary>An answer, and the request that it belongs to. Like <see cref="Subject"/> no tuple: over tuples of references the
    /// published command has no compiled code at its start (decision 0044).</summary>
    private readonly record struct Answered(BrokerAnswer Answer, PendingAnswer Pending, Welcome Welcome);
}
