namespace Locking;

/// <summary>The statements of the steps. Each is one round trip in a transaction of its own, and decides by the database's clock.</summary>
/// <remarks>
/// <code>
/// key, holder, owner   UTF-8 as bytes: any text in any encoding of the database, compared as it is
/// token                the last fencing token given out, in microseconds; outlives the lock
/// expires_at           end of the lease; -infinity: released; infinity: never
/// watched_until        until then somebody may wait: a release gives notice
/// </code>
/// What <c>DO UPDATE</c> computes is computed once the row is locked. A row that has to be inserted gets its token before that; the
/// statement says so where it was held up in between for so long that another row of the key may have come and gone.
/// </remarks>
internal sealed class PostgresStatements(string table, TimeSpan retention)
{
    /// <summary>The one channel of a database: a notice names the key by its hash.</summary>
    public const string Channel = "locking";

    private const string Busy = "key = $1 AND holder <> $2 AND expires_at > clock_timestamp()";

    private const string Mine = "key = $1 AND holder = $2 AND expires_at > clock_timestamp()";

    private static readonly string s_now = Micros("clock_timestamp()");

    private static readonly string s_left = $"CASE WHEN expires_at < 'infinity' THEN {Micros("expires_at - clock_timestamp()")} END";

    /// <summary>Makes the table. May be run by many at once and again.</summary>
    public string Create { get; } = $"""
        CREATE TABLE IF NOT EXISTS {table} (
          key bytea PRIMARY KEY,
          holder bytea NOT NULL,
          owner bytea NOT NULL,
          token bigint NOT NULL,
          expires_at timestamptz NOT NULL,
          watched_until timestamptz NOT NULL DEFAULT '-infinity'
        ) WITH (fillfactor = 50)
        """;

    /// <summary>Key, holder, owner, ttl or null. A busy lock is only read: neither the row nor the log is written.
    /// No row: somebody was faster.</summary>
    public string Acquire { get; } = $"""
        WITH busy AS MATERIALIZED (
          SELECT {s_left} AS remaining FROM {table} WHERE {Busy}
        ), asked AS (
          INSERT INTO {table} AS l (key, holder, owner, token, expires_at)
          SELECT $1, $2, $3, {s_now}, coalesce(clock_timestamp() + $4, 'infinity') WHERE NOT EXISTS (SELECT FROM busy)
          ON CONFLICT (key) DO UPDATE SET holder = $2, owner = $3, expires_at = coalesce(clock_timestamp() + $4, 'infinity'),
            token = CASE WHEN l.expires_at > clock_timestamp() THEN l.token ELSE greatest(l.token + 1, {s_now}) END
          WHERE l.holder = $2 OR l.expires_at <= clock_timestamp()
          RETURNING l.token, l.xmax = 0 AND {s_now} - l.token >= {Micros(retention)} AS stale
        )
        SELECT token, stale, NULL FROM asked UNION ALL SELECT NULL, false, remaining FROM busy
        """;

    /// <summary>Key, holder, ttl or null.</summary>
    public string Extend { get; } = $"""
        UPDATE {table} SET expires_at = coalesce(clock_timestamp() + $3, 'infinity') WHERE {Mine} RETURNING {(int)StoreReply.Done}
        """;

    /// <summary>Key, holder. Not flushed before it is answered: a crash that forgets it leaves the lock held until its end.</summary>
    public string Release { get; } = $"""
        UPDATE {table} SET expires_at = '-infinity' WHERE {Mine}
        RETURNING {(int)StoreReply.Done}, set_config('synchronous_commit', 'off', true),
          CASE WHEN watched_until > clock_timestamp() THEN pg_notify('{Channel}', encode(sha256(key), 'hex')) END
        """;

    /// <summary>Key, holder: what a step has met that found no lease of this holder.</summary>
    public string Why {
        get; } = $"SELECT CASE WHEN EXISTS (SELECT FROM {table} WHERE {Busy}) THEN {(int)StoreReply.HeldByAnother} ELSE "
            + $"{(int)StoreReply.NotHeld} END";

    /// <summary>Key.</summary>
    public string Get => $"{Read} WHERE key = $1 AND expires_at > clock_timestamp()";

    /// <summary>Prefix. No key has the byte FF.</summary>
    public string List => $"""{Read} WHERE key >= $1 AND key < $1 || '\xff' AND expires_at > clock_timestamp()""";

    /// <summary>Key, time: makes releases give notice for so long.</summary>
    public string Watch => $"""
        INSERT INTO {table} AS l (key, holder, owner, token, expires_at, watched_until)
        VALUES ($1, '', '', 0, '-infinity', clock_timestamp() + $2)
        ON CONFLICT (key) DO UPDATE SET watched_until = greatest(l.watched_until, clock_timestamp() + $2)
        """;

    /// <summary>Removes what nobody holds or watches, once its token is so old that the clock alone gives higher ones.</summary>
    public string Purge =>
        $"DELETE FROM {table} WHERE greatest(expires_at, watched_until) <= clock_timestamp() AND token < {s_now} - {Micros(retention)}";

    private string Read => $"SELECT key, holder, owner, token, {s_left} FROM {table}";

    private static long Micros(TimeSpan span) => span.Ticks / TimeSpan.TicksPerMicrosecond;

    private static string Micros(string time) => $"(date_part('epoch', {time}) * 1000000)::bigint";
}
