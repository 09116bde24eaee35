using System.Runtime.CompilerServices;
using System.Transactions;
using Npgsql;

namespace Locking;

/// <summary>Runs single statements on connections of a data source, each in a transaction of its own.</summary>
internal sealed class PostgresSession(NpgsqlDataSource source, PostgresStoreSettings settings, TimeProvider time)
{
    /// <summary>A race is over when one of the others has won: it takes no more turns than there are contenders.</summary>
    private const int MostRaces = 100;

    private readonly PostgresStatements _statements = new(settings.Table, settings.FenceRetention);

    private bool? _isDirect;

    /// <summary>Whether this server, or another behind the same address, has taken a lock before.</summary>
    public bool HasWritten { get; set; }

    /// <summary>Opens a connection that is in nobody's transaction, whatever the caller is in.</summary>
    public async ValueTask<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        using TransactionScope? alone = Transaction.Current is null
            ? null
            : new(TransactionScopeOption.Suppress, TransactionScopeAsyncFlowOption.Enabled);
        return await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Runs a statement within the limit of a step; makes the table where it is missing.</summary>
    /// <param name="statement">The statement.</param>
    /// <param name="row">Reads a row.</param>
    /// <param name="cancellationToken">Leaves the outcome unknown.</param>
    /// <param name="parameters">Those of the statement, in order.</param>
    /// <returns>All rows.</returns>
    /// <exception cref="LockStoreException">The server refused, failed or did not answer.</exception>
    public async ValueTask<List<T>> RunAsync<T>(
        string statement, Func<NpgsqlDataReader, T> row, CancellationToken cancellationToken, params NpgsqlParameter[] parameters)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var end = new CancellationTokenSource(settings.StepTimeout, time);
        // Not on the canceller's thread: the driver connects once more to have a statement cancelled.
        using CancellationTokenRegistration givenUp =
            cancellationToken.UnsafeRegister(static end => _ = ((CancellationTokenSource)end!).CancelAsync(), end);
        var sent = new StrongBox<bool>();
        Task<List<T>> attempts = AskAsync(statement, row, parameters, sent, end.Token);
        try
        {
            // The driver hears of a cancellation late: not before it has connected, and not until the server has confirmed it.
            return await attempts.WaitAsync(end.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception)
        {
            _ = attempts.ContinueWith(static ended => ended.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted,
                TaskScheduler.Default);
            cancellationToken.ThrowIfCancellationRequested();
            throw PostgresFaults.Create(
                $"PostgreSQL at {settings.Target} did not answer within connectTimeout and commandTimeout together "
                    + $"({settings.StepTimeout.TotalMilliseconds:0} ms).", true, sent.Value, exception);
        }
        catch (Exception exception) when (PostgresFaults.IsKnown(exception))
        {
            throw PostgresFaults.From(exception, settings, sent.Value, HasWritten);
        }
    }

    /// <summary>Asks until there is an answer.</summary>
    private async Task<List<T>> AskAsync<T>(
        string statement, Func<NpgsqlDataReader, T> row, NpgsqlParameter[] parameters, StrongBox<bool> sent,
        CancellationToken cancellationToken)
    {
        for (int race = 1; ; race++)
        {
            try
            {
                NpgsqlConnection connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
                await using (connection.ConfigureAwait(false))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    _isDirect ??= await IsDirectAsync(connection, cancellationToken).ConfigureAwait(false);
                    sent.Value = true;
                    return await ReadAsync(connection, statement, row, parameters, cancellationToken, _isDirect.Value)
                        .ConfigureAwait(false);
                }
            }
            catch (PostgresException exception) when (race < MostRaces && (PostgresFaults.IsRace(exception) || IsMissing(exception)))
            {
                if (IsMissing(exception))
                    await CreateTableAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Whether this connection is one with the server, and stays with one of its processes. A pooler makes numbers of its own;
    /// behind it a prepared statement may meet another client's of the same name.</summary>
    private static async ValueTask<bool> IsDirectAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        List<int> process = await ReadAsync(connection, "SELECT pg_backend_pid()", static row => row.GetInt32(0), [], cancellationToken)
            .ConfigureAwait(false);
        return process[0] == connection.ProcessID;
    }

    private bool IsMissing(PostgresException exception) => exception.SqlState == PostgresErrorCodes.UndefinedTable && settings.CreateTable;

    private async ValueTask CreateTableAsync(CancellationToken cancellationToken)
    {
        try
        {
            NpgsqlConnection connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
                await ReadAsync(connection, _statements.Create, static _ => 0, [], cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException exception) when (PostgresFaults.IsRaceOfCreation(exception))
        {
            // It is there now, or will be when the other one commits: the statement is asked again.
        }
    }

    /// <summary>Reads to the end: the rows of a statement come before its transaction is committed.</summary>
    public static async ValueTask<List<T>> ReadAsync<T>(
        NpgsqlConnection connection, string statement, Func<NpgsqlDataReader, T> row, NpgsqlParameter[] parameters,
        CancellationToken cancellationToken,
        bool prepare = false)
    {
        using var command = new NpgsqlCommand(statement, connection) { CommandTimeout = 0 };
        foreach (NpgsqlParameter parameter in parameters)
            command.Parameters.Add(parameter.Collection is null ? parameter : parameter.Clone());
        if (prepare)
            await command.PrepareAsync(cancellationToken).ConfigureAwait(false);
        NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            var rows = new List<T>();
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                rows.Add(row(reader));
            while (await reader.NextResultAsync(cancellationToken).ConfigureAwait(false))
            {
                // Nothing follows but what became of the transaction.
            }

            return rows;
        }
    }
}
