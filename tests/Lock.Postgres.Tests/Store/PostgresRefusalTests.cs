using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Locking.Conformance;
using Npgsql;

namespace Locking;

/// <summary>What a server refuses is said in words, with what to do; and only what may pass is asked again.</summary>
public sealed class PostgresRefusalTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly string _name = "r" + Guid.NewGuid().ToString("N")[..12];

    private PostgresServer Server => shared.Server;

    [Fact]
    public async Task Many_starters_make_one_table()
    {
        List<PostgresLockStore> stores = [.. Enumerable.Range(0, 16).Select(_ => On(_name))];
        AcquireReply[] replies = await Task.WhenAll(
            stores.Select(store => Task.Run(async () => await store.TryAcquireAsync(TestStore.Request("k"), CancellationToken.None))));
        Assert.Single(replies, static reply => reply.IsGranted);
        foreach (PostgresLockStore store in stores) await store.DisposeAsync();
    }

    [Fact]
    public async Task A_role_that_may_not_make_the_table_is_given_the_script_and_the_script_does_it()
    {
        await Server.ExecuteAsync($"CREATE ROLE {_name} LOGIN; CREATE SCHEMA s{_name}; GRANT USAGE ON SCHEMA s{_name} TO {_name}");
        await using PostgresLockStore store =
            TestStore.Create(Server.ConnectionStringOf(_name), change: settings => settings with { Table = $"\"s{_name}\".\"locks\"" });
        LockStoreException fault = await FaultAsync(store);
        Assert.False(fault.IsTransient);
        Assert.False(fault.MayHaveBeenApplied);
        string script = fault.Message[fault.Message.IndexOf("CREATE TABLE", StringComparison.Ordinal)..];
        await Server.ExecuteAsync(script.Replace("TO ROLE", $"TO {_name}", StringComparison.Ordinal));
        await EveryStepAsync(store);
    }

    [Fact]
    public async Task A_table_that_is_not_to_be_made_is_asked_for()
    {
        await using PostgresLockStore store = On(_name, static settings => settings with { CreateTable = false });
        LockStoreException fault = await FaultAsync(store);
        Assert.False(fault.IsTransient);
        Assert.Contains("CREATE TABLE IF NOT EXISTS", fault.Message, StringComparison.Ordinal);
        Assert.True(await Server.ReadAsync<bool>($"SELECT to_regclass('{_name}') IS NULL"));
    }

    [Fact]
    public async Task Somebody_elses_table_is_left_as_it_is()
    {
        await Server.ExecuteAsync($"CREATE TABLE {_name} (key bytea PRIMARY KEY, note text)");
        await using PostgresLockStore store = On(_name);
        LockStoreException fault = await FaultAsync(store);
        Assert.False(fault.IsTransient);
        Assert.Contains("connection.table", fault.Message, StringComparison.Ordinal);
        Assert.Equal(0, await Server.ReadAsync<long>($"SELECT count(*) FROM {_name}"));
    }

    [Fact]
    public async Task A_role_that_may_only_read_is_refused_and_a_server_that_took_locks_before_is_waited_for()
    {
        await Server.ExecuteAsync($"CREATE ROLE {_name} LOGIN; CREATE SCHEMA {_name} AUTHORIZATION {_name}");
        await using PostgresLockStore before = TestStore.Create(Server.ConnectionStringOf(_name), change: Own);
        await EveryStepAsync(before);
        await Server.ExecuteAsync(
            $"ALTER ROLE {_name} SET default_transaction_read_only = on; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                + $"usename = '{_name}'");
        await using PostgresLockStore after = TestStore.Create(Server.ConnectionStringOf(_name), change: Own);
        LockStoreException refused = await FaultAsync(after);
        Assert.False(refused.IsTransient);
        Assert.Contains("primary", refused.Message, StringComparison.Ordinal);
        await Eventually.TrueAsync(async () => (await FaultAsync(before)).Message.Contains("25006", StringComparison.Ordinal),
            "sessions are new");
        Assert.True((await FaultAsync(before)).IsTransient);

        PostgresStoreSettings Own(PostgresStoreSettings settings) => settings with { Table = $"\"{_name}\".\"locks\"" };
    }

    [Fact]
    public async Task A_statement_that_the_server_ends_was_not_done_and_may_be_asked_again()
    {
        await using PostgresLockStore store = TestStore.Create(Server.ConnectionString + ";Options=-c statement_timeout=20ms",
            change: settings => settings with { Table = $"\"{_name}\"" });
        await using PostgresLockStore patient = On(_name);
        AcquireRequest first = TestStore.Request("k");
        await patient.TakeAsync(first);
        await patient.TryReleaseAsync("k", first.HolderId, CancellationToken.None);
        await using NpgsqlConnection other = await Server.Source.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await other.BeginTransactionAsync();
        await using (var command = new NpgsqlCommand($"SELECT 1 FROM {_name} FOR UPDATE", other)) await command.ExecuteNonQueryAsync();
        LockStoreException fault = await FaultAsync(store, "k");
        Assert.True(fault.IsTransient);
        Assert.False(fault.MayHaveBeenApplied);
        Assert.Contains("statement_timeout", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Username=needs_password;Password=wrong", "28P01")]
    [InlineData("Username=needs_password;Password=right;Database=not_there", "3D000")]
    [InlineData("Username=nobody_at_all", "28000")]
    [InlineData("SSL Mode=Require", "SSL")]
    [InlineData("SSL Mode=Disable;Username=needs_tls", "28000")]
    public async Task What_needs_a_person_is_not_asked_again(string setting, string said)
    {
        await Server.ExecuteAsync("""
            DO $$ BEGIN
              CREATE ROLE needs_password LOGIN PASSWORD 'right'; CREATE ROLE needs_tls LOGIN;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
            """);
        await using PostgresLockStore store = TestStore.Create($"{Server.ConnectionString};{setting}");
        LockStoreException fault = await FaultAsync(store);
        Assert.False(fault.IsTransient, fault.Message);
        Assert.False(fault.MayHaveBeenApplied);
        Assert.Contains(said, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Locks_are_taken_over_tls_and_not_from_a_server_that_shows_another_certificate()
    {
        (string certificate, string key) = SelfSigned("localhost");
        await using PostgresServer server = await PostgresServer.StartAsync();
        await server.UseTlsAsync(certificate, key);
        string root = Path.Combine(Path.GetTempPath(), _name + ".crt");
        await File.WriteAllTextAsync(root, certificate);
        try
        {
            string verified = server.ConnectionString.Replace("127.0.0.1", "localhost", StringComparison.Ordinal)
                + $";SSL Mode=VerifyFull;Root Certificate={root}";
            await using PostgresLockStore store = TestStore.Create(verified);
            await EveryStepAsync(store);
            await File.WriteAllTextAsync(root, SelfSigned("localhost").Certificate);
            await using PostgresLockStore wary = TestStore.Create(verified + ";Application Name=again");
            Assert.False((await FaultAsync(wary)).IsTransient);
        }
        finally
        {
            File.Delete(root);
        }
    }

    private PostgresLockStore On(string table, Func<PostgresStoreSettings, PostgresStoreSettings>? change = null) =>
        TestStore.Create(Server.ConnectionString,
            change: settings => (change?.Invoke(settings) ?? settings) with { Table = $"\"{table}\"" });

    private static async Task<LockStoreException> FaultAsync(PostgresLockStore store, string key = "k") =>
        await Assert.ThrowsAsync<LockStoreException>(async () =>
            await store.TryAcquireAsync(TestStore.Request(key), CancellationToken.None));

    private static async Task EveryStepAsync(PostgresLockStore store)
    {
        AcquireRequest request = TestStore.Request("every step");
        await store.TakeAsync(request);
        await using (await store.WatchAsync(request.Key, CancellationToken.None))
            Assert.Equal(StoreReply.Done,
                await store.TryExtendAsync(request.Key, request.HolderId, TimeSpan.FromMinutes(1), CancellationToken.None));
        Assert.Equal(request.HolderId, (await store.GetAsync(request.Key, CancellationToken.None))?.Id);
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(request.Key, request.HolderId, CancellationToken.None));
    }

    private static (string Certificate, string Key) SelfSigned(string name)
    {
        using RSA key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        using X509Certificate2 certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        return (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }
}
