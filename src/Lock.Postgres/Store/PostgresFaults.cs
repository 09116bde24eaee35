using System.Security.Authentication;
using Npgsql;

namespace Locking;

/// <summary>What a failure of the driver means for a lock.</summary>
internal static class PostgresFaults
{
    /// <summary>Two transactions met where the isolation lets only one go on. Nothing was done; asking again is right at once.</summary>
    public static bool IsRace(PostgresException exception) =>
        exception.SqlState is PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected;

    /// <summary>Somebody else has made the table at the same moment.</summary>
    public static bool IsRaceOfCreation(PostgresException exception) =>
        exception.SqlState is PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.DuplicateTable or PostgresErrorCodes.DuplicateObject;

    /// <summary>What the driver throws when the server or the way there fails.</summary>
    public static bool IsKnown(Exception exception) =>
        exception is NpgsqlException or System.Net.Sockets.SocketException or IOException or TimeoutException or AuthenticationException;

    /// <summary>Makes the exception of the seam.</summary>
    /// <param name="exception">The driver's.</param>
    /// <param name="settings">Where the locks are.</param>
    /// <param name="wasSent">Whether the statement may have reached the server.</param>
    /// <param name="hasWritten">Whether this server, or another behind the same address, has taken a lock of this store before.</param>
    public static LockStoreException From(Exception exception, PostgresStoreSettings settings, bool wasSent, bool hasWritten)
    {
        // An ERROR undoes the statement; what ends the connection (FATAL) may come after it was done.
        if (exception is PostgresException refusal)
            return Create(Explain(refusal, settings), IsTransient(refusal, hasWritten),
                wasSent && refusal.InvariantSeverity != "ERROR", exception);
        return Create($"PostgreSQL at {settings.Target} cannot be used: {exception.Message}", IsTransient(exception), wasSent, exception);
    }

    public static LockStoreException Create(string message, bool isTransient, bool mayHaveRun, Exception? inner) =>
        new(message, isTransient, inner) { MayHaveBeenApplied = mayHaveRun };

    private static bool IsTransient(Exception exception) =>
        exception is System.Net.Sockets.SocketException or IOException or TimeoutException or NpgsqlException { IsTransient: true }
        || (exception is AggregateException many
            ? many.InnerExceptions.Any(IsTransient)
            : exception is NpgsqlException { InnerException: { } inner } && IsTransient(inner));

    /// <summary>Classes 08, 53 and 57: connection, resources, an operator or a limit stepped in. A server that took writes before and now
    /// does not is about to be replaced.</summary>
    private static bool IsTransient(PostgresException exception, bool hasWritten) =>
        IsRace(exception) || exception.SqlState[..2] is "08" or "53" or "57" or "58"
            || exception.SqlState == PostgresErrorCodes.LockNotAvailable
        || (exception.SqlState == PostgresErrorCodes.ReadOnlySqlTransaction && hasWritten);

    private static string Explain(PostgresException exception, PostgresStoreSettings settings)
    {
        string says = $"PostgreSQL at {settings.Target} says: {exception.MessageText} ({exception.SqlState}).";
        return exception.SqlState switch
        {
            PostgresErrorCodes.ReadOnlySqlTransaction =>
                $"{says} Locks need the server that takes writes: name the primary, not a standby or a read replica "
                + "(several hosts: the primary among them is found), and see that default_transaction_read_only is off for this role.",
            PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName or PostgresErrorCodes.InsufficientPrivilege =>
                $"{says} The role needs the table {settings.Table}, and the right to SELECT, INSERT, UPDATE and DELETE there. Who may "
                    + $"create it runs once: {ScriptOf(settings)}",
            PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.InvalidColumnReference or PostgresErrorCodes.DatatypeMismatch
                or PostgresErrorCodes.UndefinedFunction or PostgresErrorCodes.WrongObjectType =>
                    $"{says} The table {settings.Table} is not one of locks; it was left as it is. Name another one (connection.table).",
            PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
                $"{says} See connection.username, password and tls, and the server's pg_hba.conf.",
            PostgresErrorCodes.InvalidCatalogName => $"{says} See connection.database.",
            PostgresErrorCodes.QueryCanceled =>
                $"{says} A statement_timeout of the role or the database has to be longer than a step takes.",
            _ => says,
        };
    }

    /// <summary>What makes the table, in one line, with the rights of another role.</summary>
    public static string ScriptOf(PostgresStoreSettings settings)
    {
        var statements = new PostgresStatements(settings.Table, settings.FenceRetention);
        string create = string.Join(' ', statements.Create.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return $"{create}; GRANT SELECT, INSERT, UPDATE, DELETE ON {settings.Table} TO ROLE;";
    }
}
