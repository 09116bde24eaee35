using Locking.Conformance;
using Locking.Tests.Factory;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Locking.Tests.DependencyInjection;

[Collection(nameof(LockConfigVariable))]
public sealed class AddLockTests : IDisposable
{
    private readonly string? _before = Environment.GetEnvironmentVariable("LOCK_CONFIG");
    private readonly CapturingProvider _mine = new("mine");

    public AddLockTests() => Environment.SetEnvironmentVariable("LOCK_CONFIG", null);

    public void Dispose() => Environment.SetEnvironmentVariable("LOCK_CONFIG", _before);

    [Fact]
    public async Task The_section_lock_configures_one_singleton_that_is_disposed_with_the_host()
    {
        IHost host = Build(builder => builder.Services.AddLock(), ("Lock:type", "mine"), ("Lock:namespace", "app"));

        await host.StartAsync();
        ILock locks = host.Services.GetRequiredService<ILock>();
        Assert.Same(locks, host.Services.GetRequiredService<ILock>());
        Assert.Equal("app", locks.Namespace);
        await using (ILockHandle handle = await locks.LockAsync("k"))
            Assert.Equal(1, handle.FencingToken);
        await host.StopAsync();
        Assert.False(_mine.Store!.IsDisposed);
        host.Dispose();

        Assert.True(_mine.Store.IsDisposed);
    }

    [Fact]
    public async Task The_environment_variable_wins_over_the_section()
    {
        Environment.SetEnvironmentVariable("LOCK_CONFIG", """{"type":"mine","namespace":"variable"}""");

        using IHost host = Build(builder => builder.Services.AddLock(), ("Lock:type", "unknown"));
        await host.StartAsync();

        Assert.Equal("variable", host.Services.GetRequiredService<ILock>().Namespace);
    }

    [Fact]
    public async Task A_section_a_configuration_and_a_callback_can_be_given()
    {
        (string, string)[] settings = [("Lock:type", "mine"), ("Other:type", "mine"), ("Other:namespace", "other"), ("Ns", "computed")];

        using IHost whole = Build(builder => builder.Services.AddLock(builder.Configuration), settings);
        using IHost section = Build(builder => builder.Services.AddLock(builder.Configuration.GetSection("Other")), settings);
        using IHost config = Build(builder => builder.Services.AddLock(new LockConfig { Type = "mine", Namespace = "code" }), settings);
        using IHost callback = Build(
            builder => builder.Services.AddLock(_ => { }).AddOptions<LockBuilder>().Configure<IConfiguration>(
                (locks, given) => locks.Use(new LockConfig { Type = "mine", Namespace = given["Ns"] })),
            settings);

        foreach ((IHost host, string? ns) in ((IHost, string?)[])[(whole, null), (section, "other"), (config, "code"),
            (callback, "computed")])
        {
            await host.StartAsync();
            Assert.Equal(ns, host.Services.GetRequiredService<ILock>().Namespace);
        }
    }

    [Fact]
    public async Task Locks_under_keys_stand_beside_each_other()
    {
        using IHost host = Build(
            builder => builder.Services
                .AddLock(new LockConfig { Type = "mine" })
                .AddKeyedLock("a", new LockConfig { Type = "mine", Namespace = "a" })
                .AddKeyedLock("b", builder.Configuration.GetSection("B"))
                .AddKeyedLock("c", locks => locks.Use(new LockConfig { Type = "mine", Namespace = "c" })),
            ("B:type", "mine"),
            ("B:namespace", "b"));
        await host.StartAsync();

        Assert.Null(host.Services.GetRequiredService<ILock>().Namespace);
        foreach (string key in (string[])["a", "b", "c"])
            Assert.Equal(key, host.Services.GetRequiredKeyedService<ILock>(key).Namespace);
    }

    [Theory]
    [InlineData("Lock:lockOptions:ttl", "soon", "lockOptions.ttl: \"soon\" is not a value for this setting.")]
    [InlineData("Lock:type", "rediss", "type: There is no provider for \"rediss\".")]
    [InlineData("Lock:lockOptions:fiar", "true", "Did you mean fair?")]
    public async Task A_bad_configuration_fails_the_start_before_any_service_runs(string key, string value, string part)
    {
        var service = new StartedService();
        using IHost host = Build(
            builder =>
            {
                builder.Services.AddSingleton<IHostedService>(service);
                builder.Services.AddLock();
            },
            ("Lock:connection", ""),
            (key, value));

        LockConfigException problem = await Assert.ThrowsAsync<LockConfigException>(() => host.StartAsync());

        Assert.Contains(part, problem.Message, StringComparison.Ordinal);
        Assert.False(service.IsStarted);
    }

    [Fact]
    public async Task A_bad_configuration_under_a_key_fails_the_start_too()
    {
        using IHost host = Build(
            builder => builder.Services.AddKeyedLock("a", new LockConfig { Type = "mine", Preset = "?" }));

        Assert.Equal("preset", (await Assert.ThrowsAsync<LockConfigException>(() => host.StartAsync())).Path);
    }

    [Theory]
    [InlineData("", "No backend is chosen")]
    [InlineData("rediss", "There is no provider for \"rediss\".")]
    public async Task What_is_wrong_with_one_of_two_locks_names_its_section(string type, string part)
    {
        using IHost host = Build(
            builder => builder.Services
                .AddKeyedLock("a", builder.Configuration.GetSection("A"))
                .AddKeyedLock("b", builder.Configuration.GetSection("B")),
            ("A:type", "mine"),
            ("B:type", type),
            ("B:namespace", "app"));

        LockConfigException problem = await Assert.ThrowsAsync<LockConfigException>(() => host.StartAsync());

        Assert.Contains(part, problem.Message, StringComparison.Ordinal);
        Assert.Contains("(In the configuration section B.)", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_section_that_does_not_exist_fails_the_start()
    {
        using IHost host = Build(builder => builder.Services.AddLock(builder.Configuration.GetSection("Lokc")));

        LockConfigException problem = await Assert.ThrowsAsync<LockConfigException>(() => host.StartAsync());

        Assert.Contains("no configuration section 'Lokc'", problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Development")]
    [InlineData("Production")]
    public async Task Nothing_configured_fails_the_start_in_every_environment(string environment)
    {
        HostApplicationBuilder builder =
            Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { EnvironmentName = environment });
        builder.Services.AddLock();
        using IHost host = builder.Build();

        LockConfigException problem = await Assert.ThrowsAsync<LockConfigException>(() => host.StartAsync());

        foreach (string way in (string[])["LOCK_CONFIG is not set (or blank)", "no section 'Lock'", "pass a configuration",
            "AddLock(fallback:"])
            Assert.Contains(way, problem.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Lock.Create", problem.Message, StringComparison.Ordinal);
        await using ServiceProvider bare = new ServiceCollection().AddLock().BuildServiceProvider();
        Assert.Throws<LockConfigException>(() => bare.GetRequiredService<ILock>());
    }

    [Fact]
    public async Task A_default_of_the_application_is_taken_when_nothing_is_configured()
    {
        var fallback = new LockConfig { Type = "mine", Namespace = "default" };
        using IHost host = Build(builder => builder.Services.AddLock(fallback: fallback));
        using IHost configured =
            Build(builder => builder.Services.AddLock(fallback: fallback), ("Lock:type", "mine"), ("Lock:namespace", "section"));
        await host.StartAsync();

        Assert.Equal("default", host.Services.GetRequiredService<ILock>().Namespace);
        Assert.Equal("section", configured.Services.GetRequiredService<ILock>().Namespace);
    }

    [Fact]
    public async Task A_registration_that_chooses_no_backend_fails_the_start()
    {
        foreach (Action<IServiceCollection> add in (Action<IServiceCollection>[])
        [
            services => services.AddLock(new LockConfig { Namespace = "app" }),
            services => services.AddKeyedLock("a", new LockConfig()),
            services => services.AddLock(_ => { }),
            services => services.AddKeyedLock("a", _ => { }),
        ])
        {
            using IHost host = Build(builder => add(builder.Services));
            await Assert.ThrowsAsync<LockConfigException>(() => host.StartAsync());
        }
    }

    [Fact]
    public async Task Clock_logs_and_providers_come_from_the_container()
    {
        var logs = new RecordingLogs();
        var clock = new FakeTimeProvider();
        await using ServiceProvider services = new ServiceCollection()
            .AddSingleton<ILoggerFactory>(logs)
            .AddSingleton<TimeProvider>(clock)
            .AddSingleton<ILockProvider>(_mine)
            .AddLock(new LockConfig { Type = "mine" })
            .BuildServiceProvider();

        Assert.NotNull(services.GetRequiredService<ILock>());

        Assert.Same(logs, _mine.Context!.LoggerFactory);
        Assert.Same(clock, _mine.Context.TimeProvider);
    }

    [Fact]
    public async Task A_bare_container_is_enough()
    {
        await using ServiceProvider services = new ServiceCollection()
            .AddSingleton<ILockProvider>(_mine)
            .AddLock(new LockConfig { Type = "mine" })
            .BuildServiceProvider();

        await using ILockHandle handle = await services.GetRequiredService<ILock>().LockAsync("k");

        Assert.Same(LockProviderContext.Default.TimeProvider, _mine.Context!.TimeProvider);
    }

    private IHost Build(Action<HostApplicationBuilder> configure, params (string Key, string Value)[] settings)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)));
        builder.Services.AddSingleton<ILockProvider>(_mine);
        configure(builder);
        return builder.Build();
    }

    private sealed class StartedService : IHostedService
    {
        public bool IsStarted { get; private set; }

        public Task StartAsync(CancellationToken cancellationToken)
        {
            IsStarted = true;
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
