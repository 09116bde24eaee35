using System.Runtime.CompilerServices;

namespace Locking;

/// <summary>Locks in a MongoDB collection, one document per key, decided by the server's clock.</summary>
/// <remarks>
/// Waiting is polling, paced by the holder's remaining time, which a busy reply carries. A step that failed in a way that may pass is
/// repeated here at once, within the step's time limit, since only here a repeated release can be told from a second one.
/// </remarks>
internal sealed class MongoLockStore : ILockStore, IForceReleaseStore, IConfigurableStore
{
    public const string TypeName = "mongo";

    /// <summary>A lock without expiry starts with a lease of this length and loses its end in a second command: a first command that arrives late, when nobody
    /// wants it any more, then leaves nothing that stays.</summary>
    private static readonly TimeSpan FirstLease = TimeSpan.FromSeconds(30);

    private const int MostRepeats = 2;

    /// <summary>A race for a fresh key is over after one repeat; more mean that something else stands there.</summary>
    private const int SuspiciousDuplicates = 4;

    private const int MostDuplicates = 16;

    private readonly IMongoCommandRunner _runner;
    private readonly MongoStoreSettings _settings;
    private readonly MongoLockCommands _commands;
    private readonly MongoPurgeIndex _index;
    private readonly TimeProvider _time;
    private readonly IDisposable? _owned;
    private volatile bool _disposed;

    /// <summary>Creates the store.</summary>
    /// <param name="runner">Where commands go.</param>
    /// <param name="settings">Where the locks are.</param>
    /// <param name="time">The only clock.</param>
    /// <param name="owned">Disposed with the store.</param>
    public MongoLockStore(IMongoCommandRunner runner, MongoStoreSettings settings, TimeProvider time, IDisposable? owned = null)
        : this(runner, settings, time, owned, new MongoPurgeIndex(runner, settings))
    {
    }

    private MongoLockStore(IMongoCommandRunner runner, MongoStoreSettings settings, TimeProvider time, IDisposable? owned, MongoPurgeIndex index)
    {
        _runner = runner;
        _settings = settings;
        _commands = new MongoLockCommands(settings);
        _index = index;
        _time = time;
        _owned = owned;
    }

    public string Type => TypeName;

    public ILockStore WithOptions(LockOptions options)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        MongoOptionRules.Check(options, (name, message) => new ArgumentException($"{name}: {message}", nameof(options)));
        MongoStoreSettings settings = _settings with { KeyPrefix = options.KeyPrefix ?? _settings.KeyPrefix, FenceRetention = options.FenceRetention ?? _settings.FenceRetention };
        return new MongoLockStore(_runner, settings, _time, owned: null, _index);
    }

    public async ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        using StepLimit limit = Begin(cancellationToken);
        return await limit.RunAsync(token => AcquireAsync(request, token)).ConfigureAwait(false);
    }

    public async ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken)
    {
        using StepLimit limit = Begin(cancellationToken);
        return await limit.RunAsync(token => ExtendAsync(key, holderId, ttl, token)).ConfigureAwait(false);
    }

    public async ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken)
    {
        using StepLimit limit = Begin(cancellationToken);
        return await limit.RunAsync(async token =>
        {
            (ReadOnlyMemory<byte> reply, bool repeated) = await RunAsync(_commands.Release(key, holderId), $"the release of '{key}'", token).ConfigureAwait(false);
            MongoLockDocument? before = MongoLockDocument.FromValue(reply.Span);
            // The first try worked, only its answer was lost.
            if (repeated && before?.Released == holderId) return StoreReply.Done;
            return MongoLockDocument.Answer(before, holderId);
        }).ConfigureAwait(false);
    }

    public async ValueTask<bool> ForceReleaseAsync(string key, CancellationToken cancellationToken)
    {
        using StepLimit limit = Begin(cancellationToken);
        return await limit.RunAsync(async token =>
        {
            (ReadOnlyMemory<byte> reply, _) = await RunAsync(_commands.ForceRelease(key), $"the forced release of '{key}'", token).ConfigureAwait(false);
            return MongoLockDocument.FromValue(reply.Span) is { IsLive: true };
        }).ConfigureAwait(false);
    }

    public async ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken)
    {
        using StepLimit limit = Begin(cancellationToken);
        return await limit.RunAsync(async token =>
        {
            (ReadOnlyMemory<byte> reply, _) = await RunAsync(_commands.Get(key), $"the look-up of '{key}'", token).ConfigureAwait(false);
            return MongoCursorBatch.Parse(reply.Span).Documents.Select(Info).FirstOrDefault(info => info is not null);
        }).ConfigureAwait(false);
    }

    public async IAsyncEnumerable<LockInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        MongoCursorBatch batch = await ReadBatchAsync(_commands.List(prefix), cancellationToken).ConfigureAwait(false);
        try
        {
            while (true)
            {
                foreach (MongoLockDocument document in batch.Documents)
                {
                    if (Info(document) is { } info && info.Key.StartsWith(prefix, StringComparison.Ordinal)) yield return info;
                }

                if (batch.Cursor == 0) yield break;
                batch = await ReadBatchAsync(_commands.GetMore(batch.Cursor), cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            if (batch.Cursor != 0) await KillCursorAsync(batch.Cursor).ConfigureAwait(false);
        }
    }

    public ValueTask DisposeAsync()
    {
        _disposed = true;
        _owned?.Dispose();
        return ValueTask.CompletedTask;
    }

    private StepLimit Begin(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new StepLimit(_settings, _time, cancellationToken);
    }

    private async ValueTask<AcquireReply> AcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        await _index.EnsureAsync(cancellationToken).ConfigureAwait(false);
        bool endless = request.Ttl == Timeout.InfiniteTimeSpan;
        ReadOnlyMemory<byte> command = _commands.Acquire(request, endless ? FirstLease : request.Ttl, keepEndless: endless);
        MongoLockDocument document = await UpsertAsync(request.Key, command, cancellationToken).ConfigureAwait(false);
        if (!document.IsHeldBy(request.HolderId)) return AcquireReply.Busy(document.Holder is null ? null : document.Left);
        if (!endless || document.Left == Timeout.InfiniteTimeSpan) return AcquireReply.Granted(document.Token);
        StoreReply reply = await ExtendAsync(request.Key, request.HolderId, Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false);
        return reply == StoreReply.Done ? AcquireReply.Granted(document.Token) : AcquireReply.Busy(null);
    }

    private async ValueTask<StoreReply> ExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken)
    {
        (ReadOnlyMemory<byte> reply, _) = await RunAsync(_commands.Extend(key, holderId, ttl), $"the extension of '{key}'", cancellationToken).ConfigureAwait(false);
        return MongoLockDocument.Answer(MongoLockDocument.FromValue(reply.Span), holderId);
    }

    private async ValueTask<MongoLockDocument> UpsertAsync(string key, ReadOnlyMemory<byte> command, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                (ReadOnlyMemory<byte> reply, _) = await RunAsync(command, $"the acquisition of '{key}'", cancellationToken).ConfigureAwait(false);
                return MongoLockDocument.FromValue(reply.Span)
                    ?? throw MongoFailure.Create($"MongoDB's reply to the acquisition of '{key}' has no document.", isTransient: true, mayHaveRun: true);
            }
            catch (MongoCommandException e) when (e.Code == MongoFaults.DuplicateKey)
            {
                // Another contender has just made the document: it is there to be looked at now.
                if (attempt == SuspiciousDuplicates) await RefuseForeignAsync(key, cancellationToken).ConfigureAwait(false);
                if (attempt == MostDuplicates) throw MongoFailure.Create($"MongoDB reports a duplicate key for '{key}' again and again: {e.Message}", isTransient: true, mayHaveRun: false, e);
            }
        }
    }

    private async ValueTask RefuseForeignAsync(string key, CancellationToken cancellationToken)
    {
        (ReadOnlyMemory<byte> reply, _) = await RunAsync(_commands.FindForeign(key), $"the look at '{key}'", cancellationToken).ConfigureAwait(false);
        if (MongoCursorBatch.Parse(reply.Span).Documents.Count == 0) return;
        throw MongoFailure.Create(
            $"The document '{_settings.KeyPrefix}{key}' in {_settings.Database}.{_settings.Collection} is not a lock (it has no token); it was left as it is. Choose another connection.collection or lockOptions.keyPrefix.",
            isTransient: false, mayHaveRun: false);
    }

    /// <summary>Runs a command that may be repeated without harm, and repeats it when it failed in a way that may pass.</summary>
    /// <returns>The reply, and whether an earlier try may have been carried out.</returns>
    private async ValueTask<(ReadOnlyMemory<byte> Reply, bool Repeated)> RunAsync(ReadOnlyMemory<byte> command, string what, CancellationToken cancellationToken)
    {
        bool mayHaveRun = false;
        for (int repeat = 0; ; repeat++)
        {
            try
            {
                ReadOnlyMemory<byte> reply = await _runner.RunAsync(_settings.Database, command, cancellationToken).ConfigureAwait(false);
                MongoFaults.ThrowIfFailed(reply.Span, what);
                return (reply, mayHaveRun);
            }
            catch (LockStoreException e) when (e.IsTransient && repeat < MostRepeats)
            {
                mayHaveRun |= e.MayHaveBeenApplied;
            }
            catch (LockStoreException e) when (mayHaveRun && !e.MayHaveBeenApplied)
            {
                throw MongoFailure.Create(e.Message, e.IsTransient, mayHaveRun: true, e);
            }
        }
    }

    private async ValueTask<MongoCursorBatch> ReadBatchAsync(ReadOnlyMemory<byte> command, CancellationToken cancellationToken)
    {
        using StepLimit limit = Begin(cancellationToken);
        return await limit.RunAsync(async token =>
        {
            (ReadOnlyMemory<byte> reply, _) = await RunAsync(command, "the listing of locks", token).ConfigureAwait(false);
            return MongoCursorBatch.Parse(reply.Span);
        }).ConfigureAwait(false);
    }

    /// <summary>A courtesy: the server drops the cursor by itself after a while.</summary>
    private async ValueTask KillCursorAsync(long cursor)
    {
        try
        {
            using var limit = new StepLimit(_settings, _time, CancellationToken.None);
            await limit.RunAsync(token => _runner.RunAsync(_settings.Database, _commands.KillCursor(cursor), token)).ConfigureAwait(false);
        }
        catch (Exception e) when (e is LockStoreException or ObjectDisposedException)
        {
            // Nothing depends on it.
        }
    }

    private LockInfo? Info(MongoLockDocument document) =>
        document is { IsLive: true, Token: > 0 } && document.Id.StartsWith(_settings.KeyPrefix, StringComparison.Ordinal)
            ? new LockInfo(document.Id[_settings.KeyPrefix.Length..], document.Holder!, document.Owner, document.Token, document.Left)
            : null;
}
