using Locking.Conformance;
using Npgsql;

namespace Locking;

/// <summary>From a configuration to a store: what it connects with, and what is refused before anything connects.</summary>
public sealed class PostgresLockProviderTests(SharedServer shared) : IClassFixture<SharedServer>
{
    [Theory]
    [InlineData("""{}""", "Host=127.0.0.1;Port=5432", "Database=postgres")]
    [InlineData("""{ "host": "db1", "port": 6000, "username": "app", "password": "secret", "database": "d" }""",
        "Host=db1;Port=6000;Username=app", "Database=d")]
    [InlineData("""{ "path": "/var/run/postgresql", "tls": false }""", "Host=/var/run/postgresql", "SSL Mode=Disable")]
    [InlineData("""{ "url": "postgres://app:s%40fe@db1:6000/d?sslmode=require&application_name=mine" }""", "Host=db1;Port=6000",
        "SSL Mode=Require")]
    [InlineData("""{ "url": "postgres://app@db1/d", "password": "secret", "tls": true }""", "Host=db1;Username=app", "SSL Mode=VerifyFull")]
    [InlineData("""{ "url": "postgresql://one:1,two:2/d?sslrootcert=/ca.crt" }""", "Host=one:1,two:2", "Root Certificate=/ca.crt")]
    [InlineData("""{ "connectionString": "Server=db1;User Id=app;Password=secret;Maximum Pool Size=3" }""", "Username=app",
        "Maximum Pool Size=3")]
    public void A_configuration_says_how_to_connect(string connection, params string[] parts)
    {
        string[] given = Open(connection).ConnectionString.Split(';');
        Assert.Superset(parts.SelectMany(static part => part.Split(';')).ToHashSet(), given.ToHashSet());
        Assert.Superset(new HashSet<string> { "Enlist=False", "No Reset On Close=True" }, given.ToHashSet());
    }

    [Fact]
    public void A_url_is_read_with_its_password_and_several_hosts_mean_the_primary()
    {
        var settings = new PostgresLockSettings { Url = "postgres://app:s%40fe@one,two/d" };
        using NpgsqlDataSource source = PostgresConnection.Open(settings, out string target);
        Assert.Equal("one,two/d", target);
        Assert.DoesNotContain("s@fe", settings + target, StringComparison.Ordinal);
        Assert.Equal("MultiHostDataSourceWrapper", source.GetType().Name);
    }

    [Theory]
    [InlineData("""{ "url": "postgres://db1/d?sslmode=sometimes" }""", "connection.url", "sslmode")]
    [InlineData("""{ "url": "postgres://db1/d?unheard=of" }""", "connection.url", "unheard")]
    [InlineData("""{ "url": "Database=d" }""", "connection.url", "names no host")]
    [InlineData("""{ "url": "mysql://db1" }""", "connection.url", "cannot be read")]
    [InlineData("""{ "url": "postgres://a@db1/d", "username": "b" }""", "connection.username", "say it once")]
    [InlineData("""{ "url": "postgres://db1/d?sslmode=disable", "tls": true }""", "connection.tls", "say it once")]
    [InlineData("""{ "url": "postgres://db1/d", "host": "db2" }""", "connection", "url")]
    [InlineData("""{ "table": "locks; DROP TABLE x" }""", "connection.table", "ASCII letters")]
    [InlineData("""{ "table": "a.b.c" }""", "connection.table", "ASCII letters")]
    [InlineData("""{ "collection": "x" }""", "connection.collection", "table")]
    public void What_does_not_go_together_is_refused_by_name(string connection, string path, string said)
    {
        LockConfigException refused =
            Assert.Throws<LockConfigException>(() => Lock.Create($$"""{ "type": "postgres", "connection": {{connection}} }"""));
        Assert.StartsWith(path, refused.Path, StringComparison.Ordinal);
        Assert.Contains(said, refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "fenceRetention": 999 }""", "lockOptions.fenceRetention")]
    [InlineData("""{ "fair": true }""", "lockOptions.fair")]
    public void Options_that_it_cannot_keep_are_refused(string options, string path) =>
        Assert.Equal(path,
            Assert.Throws<LockConfigException>(() => Lock.Create($$"""{ "type": "postgres", "lockOptions": {{options}} }""")).Path);

    [Fact]
    public async Task Two_objects_of_one_configuration_exclude_each_other()
    {
        string config =
            $$"""{ "type": "postgres", "connection": { "host": "127.0.0.1", "port": {{shared.Server.Port}}, "username": "postgres" }, "namespace": "two" }""";
        await using ILock one = Lock.Create(config);
        await using ILock two = Lock.Create(config);
        await using ILockHandle held = await one.LockNsAsync("k");
        Assert.Null(await two.TryLockNsAsync("k"));
        Assert.Equal(held.Id, (await two.GetAsync("two:k"))?.Id);
        Task<ILockHandle> waiting = two.LockNsAsync("k").AsTask();
        await held.UnlockAsync();
        await using ILockHandle next = await Eventually.DoneAsync(waiting, "the second object's turn");
        Assert.True(next.FencingToken > held.FencingToken);
    }

    [Fact]
    public async Task A_table_and_a_lent_source_are_taken_and_nothing_that_says_how_to_connect()
    {
        await using NpgsqlDataSource lent = NpgsqlDataSource.Create(shared.Server.ConnectionString);
        await using (ILock locks = Lock.Create(builder => builder.UsePostgres(lent, settings => settings.Table = "Lent_1")))
        await using (await locks.LockAsync("k"))
            Assert.Equal(1, await shared.Server.ReadAsync<long>("SELECT count(*) FROM \"Lent_1\" WHERE key = 'k'"));
        await using (NpgsqlConnection connection = await lent.OpenConnectionAsync())
            Assert.Equal(System.Data.ConnectionState.Open, connection.State);
        Assert.Throws<LockConfigException>(() =>
            Lock.Create(builder => builder.UsePostgres(lent, static settings => settings.Host = "db1")));
    }

    private static NpgsqlDataSource Open(string connection)
    {
        PostgresLockSettings settings = System.Text.Json.JsonSerializer.Deserialize<PostgresLockSettings>(
            connection.Replace("connectionString", "url", StringComparison.Ordinal), System.Text.Json.JsonSerializerOptions.Web)!;
        return PostgresConnection.Open(settings, out _);
    }
}
