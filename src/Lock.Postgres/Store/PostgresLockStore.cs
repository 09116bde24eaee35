using System.Runtime.CompilerServices;
using System.Text;
using Npgsql;
using static Locking.PostgresParameters;

namespace Locking;

/// <summary>Locks in a table of PostgreSQL, one row for each key, decided by the database's clock.
/// No step outlives its statement: no session holds a lock.</summary>
internal sealed class PostgresLockStore : ILockStore, IReleaseSignal, IStoreDiagnostics
{
    public const string TypeName = "postgres";

    private readonly PostgresStatements _statements;
    private readonly PostgresSession _session;
    private readonly PostgresNotices _notices;
    private readonly PostgresStoreSettings _settings;
    private readonly PostgresPurge _purge;
    private readonly NpgsqlDataSource? _owned;
    private volatile bool _disposed;

    /// <summary>Creates the store. Nothing connects yet.</summary>
    /// <param name="source">Where connections come from.</param>
    /// <param name="isOwned">Whether it is disposed with the store.</param>
    /// <param name="settings">Where the locks are.</param>
    /// <param name="time">The only clock.</param>
    public PostgresLockStore(NpgsqlDataSource source, bool isOwned, PostgresStoreSettings settings, TimeProvider time)
    {
        _statements = new PostgresStatements(settings.Table, settings.FenceRetention);
        _session = new PostgresSession(source, settings, time);
        _notices = new PostgresNotices(_session, settings, time);
        _purge = new PostgresPurge(_session, settings, time);
        _settings = settings;
        _owned = isOwned ? source : null;
    }

    public string Type => TypeName;

    public async ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        while (true)
        {
            List<Answer> answers = await RunAsync(
                _statements.Acquire, Answer.Of, cancellationToken, Bytes(request.Key), Bytes(request.HolderId), Bytes(request.Owner),
                Span(request.Ttl))
                .ConfigureAwait(false);
            if (answers is not [{ } answer])
                continue;
            if (answer.Token is not { } token)
                return AcquireReply.Busy(answer.Left);
            _session.HasWritten = true;
            if (!answer.IsStale)
            {
                _purge.Granted(token);
                return AcquireReply.Granted(token);
            }

            // The new row waited for so long that its token may be below one that was given out meanwhile. The next one is above both.
            await TryReleaseAsync(request.Key, request.HolderId, cancellationToken).ConfigureAwait(false);
        }
    }

    public async ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken) =>
        await ChangeAsync(_statements.Extend, key, holderId, cancellationToken, Span(ttl)).ConfigureAwait(false);

    public async ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken) =>
        await ChangeAsync(_statements.Release, key, holderId, cancellationToken).ConfigureAwait(false);

    public async ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken) =>
        (await RunAsync(_statements.Get, Info, cancellationToken, Bytes(key)).ConfigureAwait(false)).FirstOrDefault();

    public async IAsyncEnumerable<LockInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (LockInfo info in await RunAsync(_statements.List, Info, cancellationToken, Bytes(prefix)).ConfigureAwait(false))
            yield return info;
    }

    public ValueTask<IReleaseWatch> WatchAsync(string key, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _notices.WatchAsync(key, cancellationToken);
    }

    public ValueTask<IReadOnlyList<StoreFinding>> DiagnoseAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return PostgresDiagnosis.RunAsync(_session, _notices, _settings, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        _disposed = true;
        await _notices.DisposeAsync().ConfigureAwait(false);
        await _purge.DisposeAsync().ConfigureAwait(false);
        if (_owned is not null)
            await _owned.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>A step on one holder's lease; where it met none, another statement says why.</summary>
    private async ValueTask<StoreReply> ChangeAsync(string statement, string key, string holderId, CancellationToken cancellationToken,
        params NpgsqlParameter[] more)
    {
        List<StoreReply> replies =
            await RunAsync(statement, Reply, cancellationToken, [Bytes(key), Bytes(holderId), .. more]).ConfigureAwait(false);
        if (replies.Count == 0)
            replies = await RunAsync(_statements.Why, Reply, cancellationToken, Bytes(key), Bytes(holderId)).ConfigureAwait(false);
        return replies[0];
    }

    private ValueTask<List<T>> RunAsync<T>(string statement, Func<NpgsqlDataReader, T> row, CancellationToken cancellationToken,
        params NpgsqlParameter[] parameters)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _session.RunAsync(statement, row, cancellationToken, parameters);
    }

    private static StoreReply Reply(NpgsqlDataReader row) => (StoreReply)row.GetInt32(0);

    private static LockInfo Info(NpgsqlDataReader row) => new(Name(row, 0), Name(row, 1), Name(row, 2), row.GetInt64(3), Left(row, 4));

    private static string Name(NpgsqlDataReader row, int column) => Encoding.UTF8.GetString(row.GetFieldValue<byte[]>(column));

    /// <summary>What was left of a lease when the row was read; it may have ended since it was found.</summary>
    private static TimeSpan Left(NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? Timeout.InfiniteTimeSpan : TimeSpan.FromMicroseconds(Math.Max(0, row.GetInt64(column)));

    /// <summary>What an acquire is answered.</summary>
    /// <param name="Token">The grant's; null: busy.</param>
    /// <param name="IsStale">Whether the token may have been overtaken.</param>
    /// <param name="Left">Busy: what is left of the other's lease.</param>
    private sealed record Answer(long? Token, bool IsStale, TimeSpan Left)
    {
        public static Answer Of(NpgsqlDataReader row) =>
            row.IsDBNull(0) ? new(null, false, PostgresLockStore.Left(row, 2)) : new(row.GetInt64(0), row.GetBoolean(1), TimeSpan.Zero);
    }
}
