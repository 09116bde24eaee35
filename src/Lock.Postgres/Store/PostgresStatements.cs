namespace Locking;

/// <summary>The statements of the steps. Each is one round trip in a transaction of its own, and decides by the database's clock.</summary>
/// <remarks>
/// <code>
/// key, holder, owner   UTF-8 as bytes: any text in any encoding of the database, compared as it is
/// token                the last fencing token given out, in microseconds; outlives the lock
/// expires_at           end of the lease; -infinity: released; infinity: never
/// watched_until        until then somebody may wait: a release gives notice
/// </code>
/// What <c>DO UPDATE</c> computes is computed once the row is locked, by one look at the clock. A row that has to be inserted gets its token before
/// that; the statement says so where it was held up in between for so long that another row of the key may have come and gone.
/// </remarks>
internal sealed class PostgresStatements(string table, TimeSpan retention)
{
    /// <summary>The one channel of a database: a notice names the key by its hash.</summary>
    public const string Channel = "locking";

    private static readonly string Now = Micros("clock_timestamp()");

    private static readonly string Left = $"CASE WHEN expires_at < 'infinity' THEN {Micros("expires_at - clock_timestamp()")} END";

    private readonly long _retention = retention.Ticks / TimeSpan.TicksPerMicrosecond;

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

    /// <summary>Key, holder, owner, ttl or null. A busy lock is only read: neither the row nor the log is written.</summary>
    public string Acquire => $"""
        WITH busy AS MATERIALIZED (
          SELECT {Left} AS remaining FROM {table} WHERE key = $1 AND holder <> $2 AND expires_at > clock_timestamp()
        ), asked AS (
          INSERT INTO {table} AS l (key, holder, owner, token, expires_at)
          SELECT $1, $2, $3, {Now}, coalesce(clock_timestamp() + $4, 'infinity') WHERE NOT EXISTS (SELECT FROM busy)
          ON CONFLICT (key) DO UPDATE SET (holder, owner, token, expires_at) = (
            SELECT CASE WHEN others THEN l.holder ELSE $2 END, CASE WHEN others THEN l.owner ELSE $3 END,
              CASE WHEN l.expires_at > now THEN l.token ELSE greatest(l.token + 1, {Micros("now")}) END,
              CASE WHEN others THEN l.expires_at ELSE coalesce(now + $4, 'infinity') END
            FROM (SELECT now, l.expires_at > now AND l.holder <> $2 AS others FROM (SELECT clock_timestamp() AS now OFFSET 0) AS clock) AS seen)
          RETURNING l.holder = $2 AS granted, l.token, {Left} AS remaining, l.xmax = 0 AND {Now} - l.token >= {_retention} AS stale
        )
        SELECT granted, token, remaining, stale FROM asked UNION ALL SELECT false, 0, remaining, false FROM busy
        """;

    /// <summary>Key, holder, ttl or null.</summary>
    public string Extend => Answer("expires_at = coalesce(clock_timestamp() + $3, 'infinity')", "NULL");

    /// <summary>Key, holder, name of the key in notices. Not flushed before it is answered: a crash that forgets it leaves the lock held until its end.</summary>
    public string Release => Answer(
        "expires_at = '-infinity'",
        $"set_config('synchronous_commit', 'off', true), (SELECT pg_notify('{Channel}', $3) FROM done WHERE watched_until > clock_timestamp())");

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
    public string Purge => $"DELETE FROM {table} WHERE greatest(expires_at, watched_until) <= clock_timestamp() AND token < {Now} - {_retention}";

    private string Read => $"SELECT key, holder, owner, token, {Left} FROM {table}";

    /// <summary>Changes the lease of its holder, and says what it met: 1 done, 2 held by another, 0 not held.</summary>
    private string Answer(string change, string also) => $"""
        WITH done AS (
          UPDATE {table} SET {change} WHERE key = $1 AND holder = $2 AND expires_at > clock_timestamp() RETURNING watched_until
        )
        SELECT CASE WHEN EXISTS (SELECT FROM done) THEN 1
          WHEN EXISTS (SELECT FROM {table} WHERE key = $1 AND holder <> $2 AND expires_at > clock_timestamp()) THEN 2 ELSE 0 END, {also}
        """;

    private static string Micros(string time) => $"(extract(epoch FROM {time}) * 1000000)::bigint";
}
