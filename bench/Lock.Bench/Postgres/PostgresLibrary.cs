using System.Globalization;
using Medallion.Threading.Postgres;
using Npgsql;

namespace Locking.Bench.Postgres;

/// <summary>A way to lock over PostgreSQL, each with the settings that it comes with,
/// and connections of its own by the same client.</summary>
internal abstract class PostgresLibrary : ILockLibrary
{
    public const string Raw = "raw";
    public const string Medallion = "DistributedLock.Postgres";
    public const string Ours = "ours";

    public static IReadOnlyList<string> All { get; } = [Raw, Medallion, Ours];

    /// <summary>Those that wait for a lock in a way of their own.</summary>
    public static IReadOnlyList<string> Waiting { get; } = [Medallion, Ours];

    public static string ConnectionString(int port) =>
        string.Create(CultureInfo.InvariantCulture,
            $"Host=127.0.0.1;Port={port};Username=postgres;Database=postgres;Timeout=60;Maximum Pool Size=64");

    public static PostgresLibrary Connect(string name, int port) => name switch
    {
        Raw => new RawLibrary(
            NpgsqlDataSource.Create(ConnectionString(port) + ";No Reset On Close=true;Max Auto Prepare=10;Auto Prepare Min Usages=1")),
        Medallion => new MedallionLibrary(NpgsqlDataSource.Create(ConnectionString(port))),
        Ours => new OurLibrary(NewStore(port)),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
    };

    public static PostgresLockStore NewStore(int port) => new(
        NpgsqlDataSource.Create(ConnectionString(port) + ";No Reset On Close=true;Enlist=false"), isOwned: true,
        new PostgresStoreSettings { StepTimeout = TimeSpan.FromSeconds(60) }, TimeProvider.System);

    /// <summary>Takes a free lock and gives it back, so many times.</summary>
    public virtual async Task CycleAsync(string key, int cycles)
    {
        for (int i = 0; i < cycles; i++)
        {
            IAsyncDisposable held = await TakeAsync(key);
            await held.DisposeAsync();
        }
    }

    public abstract Task<IAsyncDisposable> TakeAsync(string key, CancellationToken cancellationToken = default);

    public abstract ValueTask DisposeAsync();

    /// <summary>The least that a lock in a row can be, in two prepared statements: no token, owner or look at who is there. Who finds it
    /// taken asks again after a millisecond.</summary>
    private sealed class RawLibrary(NpgsqlDataSource source) : PostgresLibrary
    {
        private const string Take = """
            INSERT INTO raw AS l VALUES ($1, $2, clock_timestamp() + interval '30 s')
            ON CONFLICT (key) DO UPDATE SET holder = $2, expires_at = clock_timestamp() + interval '30 s' WHERE l.expires_at <= clock_timestamp()
            """;

        public override async Task CycleAsync(string key, int cycles)
        {
            await using (NpgsqlCommand create =
                source.CreateCommand(
                    "CREATE TABLE IF NOT EXISTS raw (key text PRIMARY KEY, holder text NOT NULL, expires_at timestamptz NOT NULL) WITH "
                        + "(fillfactor = 50)"))
                await create.ExecuteNonQueryAsync();
            await base.CycleAsync(key, cycles);
        }

        public override async Task<IAsyncDisposable> TakeAsync(string key, CancellationToken cancellationToken = default)
        {
            string id = Guid.NewGuid().ToString();
            while (await RunAsync(Take, key, id) == 0)
                await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, cancellationToken);
            return new Hold(() => RunAsync("UPDATE raw SET expires_at = '-infinity' WHERE key = $1 AND holder = $2", key, id));
        }

        public override ValueTask DisposeAsync() => source.DisposeAsync();

        private async Task<int> RunAsync(string statement, string key, string id)
        {
            await using NpgsqlCommand command = source.CreateCommand(statement);
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = key });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = id });
            return await command.ExecuteNonQueryAsync();
        }

        private sealed class Hold(Func<Task> give) : IAsyncDisposable
        {
            public async ValueTask DisposeAsync() => await give();
        }
    }

    private sealed class MedallionLibrary(NpgsqlDataSource source) : PostgresLibrary
    {
        public override async Task<IAsyncDisposable> TakeAsync(string key, CancellationToken cancellationToken = default) =>
            await new PostgresDistributedLock(new PostgresAdvisoryLockKey(key, allowHashing: true), source)
                .AcquireAsync(cancellationToken: cancellationToken);

        public override ValueTask DisposeAsync() => source.DisposeAsync();
    }

    private sealed class OurLibrary(PostgresLockStore store) : PostgresLibrary
    {
        private readonly StoreLock _locks = new(store);

        public override async Task<IAsyncDisposable> TakeAsync(string key, CancellationToken cancellationToken = default) =>
            await _locks.LockAsync(key, cancellationToken: cancellationToken);

        public override ValueTask DisposeAsync() => _locks.DisposeAsync();
    }
}
