namespace Locking.Bench.Redis;

/// <summary>All libraries, connected to the same servers.</summary>
internal sealed class Libraries : IAsyncDisposable
{
    private readonly IReadOnlyList<(string Name, RedisLibrary Library)> _all;

    private Libraries(IReadOnlyList<(string Name, RedisLibrary Library)> all) => _all = all;

    public static async Task<Libraries> ConnectAsync(IReadOnlyList<BenchRedis> servers)
    {
        var all = new List<(string, RedisLibrary)>();
        foreach (string name in RedisLibrary.All)
            all.Add((name, await RedisLibrary.ConnectAsync(name, [.. servers.Select(static server => server.Port)])));
        return new Libraries(all);
    }

    public RedisLibrary Of(string name) => _all.First(one => one.Name == name).Library;

    public (string Name, Func<int, Task> Run)[] Contenders(Func<RedisLibrary, int, Task> run) =>
        [.. _all.Select(one => (one.Name, (Func<int, Task>)(n => run(one.Library, n))))];

    /// <summary>The peers' cycles while a server is in trouble: a few of them, since each may take seconds.</summary>
    public async Task<IReadOnlyList<BenchColumn>> TroubledAsync()
    {
        const int Cycles = 3;
        var columns = new List<BenchColumn>();
        foreach ((string name, RedisLibrary library) in _all.Where(static one =>
            one.Name is RedisLibrary.Medallion or RedisLibrary.RedLockNet))
        {
            long began = TimeProvider.System.GetTimestamp();
            await library.CycleAsync("troubled", Cycles);
            columns.Add(
                new BenchColumn(name,
                    new Dictionary<string, double> { ["µs each"] = TimeProvider.System.GetElapsedTime(began).TotalMicroseconds / Cycles }));
        }

        return columns;
    }

    public async ValueTask DisposeAsync()
    {
        foreach ((string _, RedisLibrary library) in _all)
            await library.DisposeAsync();
    }
}
