using Microsoft.Extensions.Time.Testing;

namespace Locking;

/// <summary>A clock of the database that stands still until a test advances it: a schema whose <c>clock_timestamp()</c> comes before the
/// server's own.</summary>
internal sealed class ServerClock
{
    private readonly PostgresServer _server;
    private readonly string _schema = "clock_" + Guid.NewGuid().ToString("N");

    private ServerClock(PostgresServer server) => _server = server;

    /// <summary>The same clock, as seen from the test.</summary>
    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    /// <summary>For sessions on this clock; what they make is in a schema of their own.</summary>
    public string ConnectionString => $"{_server.ConnectionString};Search Path=\"{_schema},pg_catalog\"";

    public string Schema => _schema;

    public static async Task<ServerClock> StartAsync(PostgresServer server)
    {
        var clock = new ServerClock(server);
        await server.ExecuteAsync($"""
            CREATE SCHEMA {clock._schema};
            CREATE TABLE {clock._schema}.clock AS SELECT timestamptz '2026-01-01 00:00:00Z' AS at;
            CREATE FUNCTION {clock._schema}.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT at FROM {clock._schema}.clock';
            """);
        return clock;
    }

    public async Task AdvanceAsync(TimeSpan by)
    {
        Time.Advance(by);
        await _server.ExecuteAsync($"UPDATE {_schema}.clock SET at = '{Time.GetUtcNow():O}'");
    }

    public Task StopAsync() => _server.ExecuteAsync($"DROP SCHEMA {_schema} CASCADE");
}
