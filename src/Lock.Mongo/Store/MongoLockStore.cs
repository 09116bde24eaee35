using System.Runtime.CompilerServices;
using MongoDB.Bson;

namespace Locking;

/// <summary>Locks in a MongoDB collection, one document per key, decided by the server's clock.</summary>
/// <remarks>
/// Waiting is polling. Who waits stands in a line in the key's document (<see cref="MongoLine"/>), a release makes the first of it the
/// holder, and a busy answer tells each when to ask again (<see cref="WaiterPace"/>). A step that failed in a way that may pass is repeated
/// here at once, within the step's time limit, since only here a repeated release can be told from a second one.
/// </remarks>
internal sealed class MongoLockStore : ILockStore, IQueueingStore, IForceReleaseStore, IStoreDiagnostics
{
    public const string TypeName = "mongo";

    /// <summary>A lock without expiry starts with a lease of this length and loses its end in a second command: a first command that
    /// arrives late, when nobody wants it any more, then leaves nothing that stays.</summary>
    private static readonly TimeSpan s_firstLease = TimeSpan.FromSeconds(30);

    /// <summary>The server counts whole ones, rounded up.</summary>
    private static readonly TimeSpan s_oneMillisecond = TimeSpan.FromMilliseconds(1);

    private const int MostRepeats = 2;

    /// <summary>A race for a fresh key is over after one repeat; more mean that something else stands there.</summary>
    private const int SuspiciousDuplicates = 4;

    private const int MostDuplicates = 16;

    private readonly IMongoCommandRunner _runner;
    private readonly MongoStoreSettings _settings;
    private readonly MongoLockCommands _commands;
    private readonly MongoPurgeIndex _index;
    private readonly StepQueue _queue;
    private readonly TimeProvider _time;
    private readonly IDisposable? _owned;

    /// <summary>Who of this process stands in a line, by its request, which is the same object for every attempt of a waiter; gone with
    /// it.</summary>
    private readonly ConditionalWeakTable<AcquireRequest, WaiterPace> _waiters = [];

    private readonly CrowdedGrants _crowded = new();
    private volatile bool _disposed;

    /// <summary>Creates the store.</summary>
    /// <param name="runner">Where commands go.</param>
    /// <param name="settings">Where the locks are.</param>
    /// <param name="time">The only clock.</param>
    /// <param name="owned">Disposed with the store.</param>
    public MongoLockStore(IMongoCommandRunner runner, MongoStoreSettings settings, TimeProvider time, IDisposable? owned = null)
    {
        _runner = runner;
        _settings = settings;
        _commands = new MongoLockCommands(settings);
        _index = new MongoPurgeIndex(runner, settings);
        _queue = new StepQueue(settings.Target?.MaxConnections ?? 100, settings.Target?.QueueTimeout ?? settings.StepTimeout, time);
        _time = time;
        _owned = owned;
    }

    public string Type => TypeName;

    public bool IsQueueing => true;

    public async ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        return await StepAsync(step => AcquireAsync(request, step), cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken)
    {
        return await StepAsync(
            async step => MongoLockDocument.Answer(await ExtendAsync(key, holderId, ttl, step).ConfigureAwait(false), holderId),
            cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken)
    {
        return await StepAsync(step => ReleaseAsync(key, holderId, step), cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<bool> ForceReleaseAsync(string key, CancellationToken cancellationToken)
    {
        return await StepAsync(step => ForceReleaseAsync(key, step), cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken)
    {
        return await StepAsync(async step =>
        {
            MongoLockDocument? document = await ReadAsync(key, step).ConfigureAwait(false);
            return document is null ? null : Info(document);
        }, cancellationToken).ConfigureAwait(false);
    }

    public async IAsyncEnumerable<LockInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? last = null;
        while (true)
        {
            IReadOnlyList<MongoLockDocument> page =
                await ReadPageAsync(_commands.List(prefix, last), cancellationToken).ConfigureAwait(false);
            foreach (MongoLockDocument document in page)
            {
                if (Info(document) is { } info && info.Key.StartsWith(prefix, StringComparison.Ordinal)) yield return info;
            }

            if (page.Count < MongoLockCommands.PageSize) yield break;
            last = page[^1].Id;
        }
    }

    public async ValueTask<IReadOnlyList<StoreFinding>> DiagnoseAsync(CancellationToken cancellationToken = default)
    {
        return await StepAsync(step => new MongoExamination(_runner, _settings, _time).RunAsync(step.Token), cancellationToken)
            .ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        _disposed = true;
        _owned?.Dispose();
        return ValueTask.CompletedTask;
    }

    private async ValueTask<T> StepAsync<T>(Func<MongoStep, ValueTask<T>> step, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        await _queue.EnterAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            using var limited = new MongoStep(_settings, _time, cancellationToken);
            return await limited.RunAsync(step).ConfigureAwait(false);
        }
        finally
        {
            _queue.Leave();
        }
    }

    private async ValueTask<AcquireReply> AcquireAsync(AcquireRequest request, MongoStep step)
    {
        await _index.EnsureAsync(step.Token).ConfigureAwait(false);
        if (!request.Queue)
            return await TakeAsync(request, step).ConfigureAwait(false);

        // The question of one who waits costs the server more than that of one who comes, who mostly finds nobody.
        bool waits = _waiters.TryGetValue(request, out WaiterPace? pace);
        if (waits && await AskAsync(request, pace!, step).ConfigureAwait(false) is { } answer)
            return answer;
        long askedAt = _time.GetTimestamp();
        AcquireReply reply = await TakeAsync(request, step).ConfigureAwait(false);
        if (reply.IsGranted || waits)
            return reply;
        pace = new WaiterPace(_time, _time.GetElapsedTime(askedAt));
        _waiters.AddOrUpdate(request, pace);
        return await AskAsync(request, pace, step).ConfigureAwait(false) ?? reply;
    }

    /// <summary>Asks as one who waits.</summary>
    /// <returns>Null when there is no document to wait at: it was removed meanwhile, and nobody holds the lock.</returns>
    private async ValueTask<AcquireReply?> AskAsync(AcquireRequest request, WaiterPace pace, MongoStep step)
    {
        TimeSpan first = FirstOf(request.Ttl);
        BsonDocument question = _commands.Ask(request, first, pace.Asking());
        (BsonDocument reply, _) = await RunAsync(question, "the question for", request.Key, step).ConfigureAwait(false);
        if (MongoLockDocument.FromValue(reply) is not { } document)
            return null;
        if (!document.IsHeldBy(request.HolderId))
            return AcquireReply.Busy(document.Left, askAgainIn: document.Place < 0 ? null : pace.Next(document.Place));
        if (document.IsCrowded)
            _crowded.Add(request.HolderId);
        MongoLockDocument? held = await SetEndAsync(request.Key, request.HolderId, request.Ttl, document, step).ConfigureAwait(false);
        return MongoLockDocument.Answer(held, request.HolderId) == StoreReply.Done
            ? AcquireReply.Granted(held!.Token) : AcquireReply.Busy(null);
    }

    /// <summary>Takes the lock if nobody holds it.</summary>
    private async ValueTask<AcquireReply> TakeAsync(AcquireRequest request, MongoStep step)
    {
        TimeSpan first = FirstOf(request.Ttl);
        BsonDocument command = _commands.Acquire(request, first);
        for (int attempt = 0; attempt <= MostRepeats; attempt++)
        {
            MongoLockDocument document = await UpsertAsync(request.Key, command, step).ConfigureAwait(false);
            if (!document.IsHeldBy(request.HolderId)) return AcquireReply.Busy(document.Holder is null ? null : document.Left);
            // A grant of this moment has the whole lease before it. Another one is older: its answer never came, or its holder asks again.
            MongoLockDocument? held = IsAsAsked(document.Left, first) && document.Left >= first
                ? await SetEndAsync(request.Key, request.HolderId, request.Ttl, document, step).ConfigureAwait(false)
                : await ExtendAsync(request.Key, request.HolderId, request.Ttl, step).ConfigureAwait(false);
            StoreReply reply = MongoLockDocument.Answer(held, request.HolderId);
            // The token of what was met last: the older grant may have ended since, and another one come from a late command with this id.
            if (reply == StoreReply.Done) return AcquireReply.Granted(held!.Token);
            if (reply == StoreReply.HeldByAnother) return AcquireReply.Busy(null);
        }

        // The older lease ended, was taken again by a late command with this id, ended again: not this caller's, and not to be waited for.
        return AcquireReply.Busy(null);
    }

    /// <summary>Lets the holder's lease last so long from now.</summary>
    /// <returns>The document as it is then, or null when there is none.</returns>
    private async ValueTask<MongoLockDocument?> ExtendAsync(string key, string holderId, TimeSpan ttl, MongoStep step)
    {
        (BsonDocument reply, _) =
            await RunAsync(_commands.Extend(key, holderId, FirstOf(ttl)), "the extension of", key, step).ConfigureAwait(false);
        MongoLockDocument? document = MongoLockDocument.FromValue(reply);
        return document is not null && document.IsHeldBy(holderId)
            ? await SetEndAsync(key, holderId, ttl, document, step).ConfigureAwait(false) : document;
    }

    /// <summary>The first command leaves a lease that lasts at least as long as asked for, or has an end where none was asked for. This
    /// makes it exact, where it must.</summary>
    /// <returns>The document as it is then, or null when there is none.</returns>
    private async ValueTask<MongoLockDocument?> SetEndAsync(string key, string holderId, TimeSpan ttl, MongoLockDocument document,
        MongoStep step)
    {
        for (int attempt = 0; attempt <= MostRepeats; attempt++)
        {
            if (IsAsAsked(document.Left, ttl)) return document;
            step.Changed();
            (BsonDocument reply, _) =
                await RunAsync(_commands.SetEnd(key, ttl, document), "the extension of", key, step).ConfigureAwait(false);
            MongoLockDocument? after = MongoLockDocument.FromValue(reply);
            if (after is null || !after.IsHeldBy(holderId)) return after;
            // Not as asked: the lease has changed in between, by a command that came late or from another process with the same id.
            document = after;
        }

        if (IsAsAsked(document.Left, ttl)) return document;
        throw MongoFailure.Create($"The lease of '{key}' changes again and again: several processes extend it with the same id.",
            isTransient: true, mayHaveRun: true);
    }

    private static bool IsAsAsked(TimeSpan left, TimeSpan ttl) =>
        ttl == Timeout.InfiniteTimeSpan ? left == ttl : left != Timeout.InfiniteTimeSpan && left < ttl + s_oneMillisecond;

    private async ValueTask<StoreReply> ReleaseAsync(string key, string holderId, MongoStep step)
    {
        bool repeated = false;
        if (!_crowded.Take(holderId))
        {
            (BsonDocument alone, repeated) =
                await RunAsync(_commands.Release(key, holderId), "the release of", key, step).ConfigureAwait(false);
            if (alone.Long("nModified") > 0)
                return StoreReply.Done;
        }

        // Somebody waits, or it is not held: this command ends the lease in the one case, and in both it shows what stood there.
        (BsonDocument reply, bool again) =
            await RunAsync(_commands.GiveOn(key, holderId), "the release of", key, step).ConfigureAwait(false);
        repeated |= again;
        MongoLockDocument? document = MongoLockDocument.FromValue(reply);
        if (document is not null && document.IsHeldBy(holderId))
            return StoreReply.Done;

        // The first try worked, only its answer was lost.
        if (repeated && document is { IsReleased: true } && document.Holder == holderId) return StoreReply.Done;
        // It may have worked also where the next holder, or nobody, is met: the lease need not have been lost before. Only one that ran out
        // here was not released.
        bool ranOut = document is { IsReleased: false, IsLive: false } && document.Holder == holderId;
        if (repeated && !ranOut)
            throw MongoFailure.Create($"The answer to the release of '{key}' was lost, and what stands there now does not tell whether it "
                + "was done.", isTransient: true, mayHaveRun: true);
        return MongoLockDocument.Answer(document, holderId);
    }

    private async ValueTask<bool> ForceReleaseAsync(string key, MongoStep step)
    {
        for (int attempt = 0; attempt <= MostRepeats; attempt++)
        {
            MongoLockDocument? seen = await ReadAsync(key, step).ConfigureAwait(false);
            if (seen is not { IsLive: true }) return false;
            (BsonDocument reply, bool repeated) =
                await RunAsync(_commands.ForceRelease(key, seen.Token), "the forced release of", key, step).ConfigureAwait(false);
            // Repeated: the grant that was seen is over, by the first try or by itself.
            if (repeated || (MongoLockDocument.FromValue(reply) is { IsLive: true } before && before.Token == seen.Token)) return true;
        }

        // It went from hand to hand faster than it could be looked at: nobody holds it for long.
        return false;
    }

    private async ValueTask<MongoLockDocument?> ReadAsync(string key, MongoStep step)
    {
        (BsonDocument reply, _) = await RunAsync(_commands.Get(key), "the look-up of", key, step).ConfigureAwait(false);
        IReadOnlyList<MongoLockDocument> documents = MongoDocuments.Parse(reply);
        return documents.Count == 0 ? null : documents[0];
    }

    private static TimeSpan FirstOf(TimeSpan ttl) => ttl == Timeout.InfiniteTimeSpan ? s_firstLease : ttl;

    private async ValueTask<MongoLockDocument> UpsertAsync(string key, BsonDocument command, MongoStep step)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                (BsonDocument reply, _) = await RunAsync(command, "the acquisition of", key, step).ConfigureAwait(false);
                return MongoLockDocument.FromValue(reply)
                    ?? throw MongoFailure.Create($"MongoDB's reply to the acquisition of '{key}' has no document.", isTransient: true,
                        mayHaveRun: true);
            }
            catch (MongoRefusedException exception) when (exception.Code == MongoFaults.DuplicateKey)
            {
                // Mostly another contender has just made the document: it is there to be looked at now.
                if (exception.Reply.GetValue("keyPattern", BsonNull.Value) is BsonDocument pattern && pattern.ElementCount > 0
                    && pattern.GetElement(0).Name != "_id")
                    throw Unique(key, $"on {string.Join(" and ", pattern.Names)}");
                if (attempt == SuspiciousDuplicates) await RefuseForeignAsync(key, step).ConfigureAwait(false);
                if (attempt < MostDuplicates) continue;
                await RefuseUniqueAsync(key, step).ConfigureAwait(false);
                throw MongoFailure.Create($"MongoDB reports a duplicate key for '{key}' again and again: {exception.Message}",
                    isTransient: true,
                    mayHaveRun: false, exception);
            }
        }
    }

    private async ValueTask RefuseForeignAsync(string key, MongoStep step)
    {
        (BsonDocument reply, _) = await RunAsync(_commands.Look(key), "the look at", key, step).ConfigureAwait(false);
        if (reply.Batch().FirstOrDefault() is not { } found || MongoLockDocument.ProblemOf(found) is not { } problem) return;
        throw MongoFailure.Create(
            $"The document '{_settings.KeyPrefix}{key}' in {_settings.Database}.{_settings.Collection} is not a lock ({problem}); it was "
                + "left as it is. Choose another connection.collection or lockOptions.keyPrefix.",
            isTransient: false, mayHaveRun: false);
    }

    /// <summary>Servers that do not say which index has the duplicate are asked for all.</summary>
    private async ValueTask RefuseUniqueAsync(string key, MongoStep step)
    {
        (BsonDocument reply, _) =
            await RunAsync(MongoIndexFact.List(_settings.Collection), "the look at the indexes for", key, step).ConfigureAwait(false);
        if (MongoIndexFact.Parse(reply).FirstOrDefault(index => index is { IsUnique: true } && index.Fields is not ["_id"]) is { } index)
            throw Unique(key, $"'{index.Name}' on {string.Join(" and ", index.Fields)}");
    }

    private LockStoreException Unique(string key, string index) => MongoFailure.Create(
        $"The collection {_settings.Database}.{_settings.Collection} has a unique index {index}: the document of the lock '{key}' is a "
            + "duplicate of another one there, and cannot be made. Drop that index, or choose another connection.collection.",
        isTransient: false, mayHaveRun: false);

    /// <summary>Runs a command that may be repeated without harm, and repeats it when it failed in a way that may pass.</summary>
    /// <returns>The reply, and whether an earlier try may have been carried out.</returns>
    private async ValueTask<(BsonDocument Reply, bool Repeated)> RunAsync(BsonDocument command, string what, string? key, MongoStep step)
    {
        bool mayHaveRun = false;
        for (int repeat = 0; ; repeat++)
        {
            bool answered = false;
            try
            {
                step.Sending();
                BsonDocument reply = await _runner.RunAsync(_settings.Database, command, step.Token).ConfigureAwait(false);
                answered = true;
                step.Answered();
                _queue.Answered();
                MongoFaults.ThrowIfFailed(reply, what, key);
                return (reply, mayHaveRun);
            }
            catch (LockStoreException exception) when (exception.IsTransient && (answered || exception.MayHaveBeenApplied)
                && repeat < MostRepeats)
            {
                // What was never sent is not repeated: the client has looked for a server for as long as it may.
                mayHaveRun |= exception.MayHaveBeenApplied;
                step.Failed(exception);
            }
        }
    }

    private async ValueTask<IReadOnlyList<MongoLockDocument>> ReadPageAsync(BsonDocument command, CancellationToken cancellationToken)
    {
        return await StepAsync(async step =>
        {
            (BsonDocument reply, _) = await RunAsync(command, "the listing of locks", null, step).ConfigureAwait(false);
            return MongoDocuments.Parse(reply);
        }, cancellationToken).ConfigureAwait(false);
    }

    private LockInfo? Info(MongoLockDocument document) =>
        document is { IsLive: true, Token: > 0 } && document.Id.StartsWith(_settings.KeyPrefix, StringComparison.Ordinal)
            ? new LockInfo(document.Id[_settings.KeyPrefix.Length..], document.Holder!, document.Owner, document.Token, document.Left)
            : null;
}
