using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Locking.Tests.DependencyInjection;

public sealed class HealthCheckTests
{
    [Fact]
    public async Task A_backend_that_answers_is_healthy_and_says_how_fast_it_was()
    {
        HealthReportEntry entry = await CheckAsync(new JudgedStore());

        Assert.Equal(HealthStatus.Healthy, entry.Status);
        Assert.True((double)entry.Data["latencyMilliseconds"] >= 0);
    }

    [Fact]
    public async Task A_warning_of_the_backend_is_degraded_and_what_is_good_to_know_is_not()
    {
        StoreFinding known = new("server", false, "It is there.");
        StoreFinding open = new("open-network", true, "Anybody can take locks.");

        Assert.Equal(HealthStatus.Healthy, (await CheckAsync(new JudgedStore { Findings = [known] })).Status);
        HealthReportEntry entry = await CheckAsync(new JudgedStore { Findings = [known, open] });
        Assert.Equal((HealthStatus.Degraded, "Anybody can take locks."), (entry.Status, entry.Description));
        Assert.Equal("Anybody can take locks.", entry.Data["open-network"]);
    }

    [Fact]
    public async Task A_backend_that_fails_is_unhealthy()
    {
        var fault = new LockStoreException("down", isTransient: true);
        HealthReportEntry entry = await CheckAsync(new JudgedStore { Fault = fault });

        Assert.Equal(HealthStatus.Unhealthy, entry.Status);
        Assert.Same(fault, entry.Exception);
    }

    private static async Task<HealthReportEntry> CheckAsync(JudgedStore store)
    {
        var services = new ServiceCollection();
        services.AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance).AddSingleton(typeof(ILogger<>), typeof(NullLogger<>));
        services.AddKeyedLock("orders", builder => builder.AddProvider(new JudgedProvider(store)).Use(new LockConfig { Type = "judged" }));
        services.AddHealthChecks().AddLock("orders");
        await using ServiceProvider provider = services.BuildServiceProvider();
        HealthReport report = await provider.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        return report.Entries["lock:orders"];
    }

    private sealed class JudgedProvider(JudgedStore store) : ILockProvider
    {
        public string Type => "judged";

        public ISettingsTable Settings { get; } = new SettingsTable<object>([]);

        public ILockStore CreateStore(LockConfig config, LockProviderContext context) => store;
    }

    private sealed class JudgedStore : ILockStore, IStoreDiagnostics
    {
        private readonly SmallestStore _inner = new("judged");

        public IReadOnlyList<StoreFinding> Findings { get; init; } = [];

        public LockStoreException? Fault { get; init; }

        public string Type => "judged";

        public ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken) =>
            _inner.TryAcquireAsync(request, cancellationToken);

        public ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken) =>
            _inner.TryExtendAsync(key, holderId, ttl, cancellationToken);

        public ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken) =>
            _inner.TryReleaseAsync(key, holderId, cancellationToken);

        public ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken) =>
            Fault is null ? ValueTask.FromResult<LockInfo?>(null) : ValueTask.FromException<LockInfo?>(Fault);

        public IAsyncEnumerable<LockInfo> ListAsync(string prefix, CancellationToken cancellationToken) =>
            _inner.ListAsync(prefix, cancellationToken);

        public ValueTask<IReadOnlyList<StoreFinding>> DiagnoseAsync(CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(Findings);

        public ValueTask DisposeAsync() => _inner.DisposeAsync();
    }
}
