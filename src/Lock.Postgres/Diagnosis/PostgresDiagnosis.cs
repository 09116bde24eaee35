using Npgsql;

namespace Locking;

/// <summary>Looks at the server and the table, and says what is unsafe about them. The codes are listed in docs/postgres.md.</summary>
internal static class PostgresDiagnosis
{
    /// <summary>What is looked at, in one round trip: each a condition, what it is called, whether locks suffer, and what to do.</summary>
    private const string Facts = """
        SELECT pg_is_in_recovery(), current_setting('server_version_num')::int < 120000,
          current_setting('fsync') = 'off' OR current_setting('synchronous_commit') = 'off',
          EXISTS (SELECT FROM pg_class WHERE oid = to_regclass($1) AND relpersistence <> 'p'), to_regclass($1) IS NULL,
          NOT EXISTS (SELECT FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl) AND NOT coalesce(inet_client_addr(), '127.0.0.1') <<= inet '127.0.0.0/8'
            AND inet_client_addr() IS DISTINCT FROM inet '::1',
          EXISTS (SELECT FROM pg_stat_replication) AND current_setting('synchronous_standby_names') = '',
          current_setting('statement_timeout') <> '0' AND current_setting('statement_timeout')::interval < interval '1 second'
        """;

    private static readonly (string Code, bool IsWarning, string Text)[] s_findings =
    [
        ("not-primary", true, "The server is a standby or a read replica: it takes no locks. Name the primary."),
        ("old-server", true, "The server is older than PostgreSQL 12, which the statements need. Locks will be refused with errors."),
        ("not-durable", true,
            "fsync or synchronous_commit is off: after a crash the server may have forgotten the last grants, so that a lock may be "
                + "granted twice. Switch both on for this role."),
        ("unlogged-table", true,
            "The table is not a permanent, logged one: a crash or a failover empties it, and every lock is free again. ALTER TABLE ... SET "
                + "LOGGED."),
        ("no-table", false,
            "The table is not there yet. The first lock makes it where connection.createTable is on and the role may; else run the script "
                + "of docs/postgres.md."),
        ("unencrypted-network", true,
            "The connection to another machine is not encrypted: who can listen on the network sees keys and ids, and may change what is "
                + "sent. Use tls."),
        ("asynchronous-standbys", true,
            "Standbys follow asynchronously: a failover may forget the last grants and renewals, so that a lock may be granted twice. "
            + "Set synchronous_standby_names, or let what is locked check its fencing token."),
        ("short-statement-timeout", false,
            "statement_timeout is below a second for this role: steps that wait for a row or for the disk are cancelled, and asked again."),
    ];

    public static async ValueTask<IReadOnlyList<StoreFinding>> RunAsync(
        PostgresSession session, PostgresNotices notices, PostgresStoreSettings settings, CancellationToken cancellationToken)
    {
        bool[] facts =
            (await session.RunAsync(Facts, Read, cancellationToken, PostgresParameters.Text(settings.Table)).ConfigureAwait(false))[0];
        List<StoreFinding> found =
            [.. s_findings.Where((_, i) => facts[i]).Select(one => new StoreFinding(one.Code, one.IsWarning, one.Text))];
        if (!facts[0] && !await notices.ProveAsync(cancellationToken).ConfigureAwait(false))
        {
            found.Add(new StoreFinding("no-notices", IsWarning: false,
                "A notice that was sent to oneself did not come back: most likely a pooler gives connections away after each "
                + "transaction (PgBouncer, pool_mode = transaction). Locks are right all the same; who waits asks five times a second. "
                + "Connect to the server directly, or with pool_mode = session."));
        }

        return found;
    }

    private static bool[] Read(NpgsqlDataReader row) => [.. Enumerable.Range(0, s_findings.Length).Select(row.GetBoolean)];
}
