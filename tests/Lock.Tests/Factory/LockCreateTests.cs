using Microsoft.Extensions.Logging;

namespace Locking.Tests.Factory;

[CollectionDefinition(nameof(LockConfigVariable), DisableParallelization = true)]
public sealed class LockConfigVariable;

/// <summary><c>Lock.Create</c>: which provider it finds, and what that is given.</summary>
[Collection(nameof(LockConfigVariable))]
public sealed class LockCreateTests : IDisposable
{
    private readonly string? _before = Environment.GetEnvironmentVariable("LOCK_CONFIG");
    private readonly RecordingLogs _logs = new();
    private readonly CapturingProvider _mine = new("mine");

    public void Dispose() => Environment.SetEnvironmentVariable("LOCK_CONFIG", _before);

    public static TheoryData<string?> Unset => [null, "", "  ", "\t\n"];

    [Theory]
    [MemberData(nameof(Unset))]
    public void Nothing_configured_is_an_error_that_says_how_to_choose(string? variable)
    {
        Environment.SetEnvironmentVariable("LOCK_CONFIG", variable);

        foreach (Func<ILock> create in (Func<ILock>[])[() => Lock.Create(), () => Lock.Create(@namespace: "app", providers: [_mine]),
            () => LockFactory.Create()])
        {
            LockConfigException problem = Assert.Throws<LockConfigException>(create);
            foreach (string way in (string[])["LOCK_CONFIG is not set (or blank)", "pass a configuration", "Lock.Create(fallback:"])
                Assert.Contains(way, problem.Message, StringComparison.Ordinal);

            // A program without a container has no such section, and calls no AddLock.
            foreach (string other in (string[])["section", "AddLock"])
                Assert.DoesNotContain(other, problem.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Unset))]
    public async Task A_default_of_the_caller_is_taken_when_nothing_is_configured(string? variable)
    {
        Environment.SetEnvironmentVariable("LOCK_CONFIG", variable);

        await using ILock locks =
            Lock.Create(@namespace: "code", providers: [_mine], fallback: new LockConfig { Type = "mine", Namespace = "default" });

        Assert.Equal(("mine", "code"), (_mine.Config!.Type, locks.Namespace));
    }

    [Fact]
    public async Task The_environment_and_a_configuration_win_over_the_default_of_the_caller()
    {
        var fallback = new LockConfig { Type = "mine", Namespace = "default" };
        Environment.SetEnvironmentVariable("LOCK_CONFIG", """{"type":"mine","namespace":"variable"}""");

        await using ILock fromEnvironment = Lock.Create(providers: [_mine], fallback: fallback);
        await using ILock fromCode =
            Lock.Create(new LockConfig { Type = "mine", Namespace = "given" }, providers: [_mine], fallback: fallback);

        Assert.Equal(("variable", "given"), (fromEnvironment.Namespace, fromCode.Namespace));
    }

    [Theory]
    [InlineData("{}", "")]
    [InlineData("""{"namespace":"app","lockOptions":{"ttl":5000}}""", "")]
    [InlineData("""{"connection":{"host":"10.0.0.1"}}""", "")]
    [InlineData("""{"preset":"kuzzle"}""", "(the preset kuzzle brings none along)")]
    [InlineData("""{"preset":"leverege"}""", "(the preset leverege brings none along)")]
    public void A_configuration_that_chooses_no_backend_is_an_error(string json, string part)
    {
        Environment.SetEnvironmentVariable("LOCK_CONFIG", json);

        foreach (Func<ILock> create in (Func<ILock>[])[() => Lock.Create(), () => Lock.Create(json),
            () => Lock.Create(fallback: new LockConfig { Type = "inMemory" })])
        {
            LockConfigException problem = Assert.Throws<LockConfigException>(create);
            Assert.Equal("type", problem.Path);
            Assert.Contains(part, problem.Message, StringComparison.Ordinal);
            Assert.Contains("inMemory, broker, redis", problem.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task In_memory_that_was_asked_for_warns_of_nothing()
    {
        await using ILock locks = Lock.Create("""{"type":"INMEMORY"}""", context: Context, providers: [new CapturingProvider("inMemory")]);

        Assert.Empty(_logs.At(LogLevel.Warning));
    }

    [Theory]
    [InlineData("30", 1)]
    [InlineData("999", 1)]
    [InlineData("1000", 0)]
    [InlineData("\"30s\"", 0)]
    [InlineData("null", 0)]
    public async Task A_ttl_below_a_second_is_warned_of_once(string ttl, int warnings)
    {
        await using ILock locks = Lock.Create($$$"""{"type":"mine","lockOptions":{"ttl":{{{ttl}}}}}""", context: Context, providers: [_mine]);

        await (await locks.LockAsync("k")).DisposeAsync();
        await (await locks.LockAsync("k")).DisposeAsync();

        var warned = _logs.At(LogLevel.Warning).ToList();
        Assert.Equal(warnings, warned.Count);
        Assert.All(warned, message => Assert.Contains($"lockOptions.ttl is {ttl} ms", message, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_environment_says_which_backend()
    {
        Environment.SetEnvironmentVariable("LOCK_CONFIG", """{"type":"Mine","namespace":"app"}""");

        await using ILock locks = Lock.Create(context: Context, providers: [_mine]);

        await using ILockHandle handle = await locks.LockNsAsync("k");
        Assert.Equal("app:k", handle.Key);
        Assert.Equal("mine", _mine.Config!.Type);
        Assert.NotNull(_mine.Config.LockOptions);
        Assert.Same(_logs, _mine.Context!.LoggerFactory);
    }

    [Fact]
    public async Task A_namespace_in_code_wins_over_the_outer_and_the_inner()
    {
        const string Json = """{"namespace":"outer","lockConfig":{"type":"mine","namespace":"inner"}}""";
        Environment.SetEnvironmentVariable("LOCK_CONFIG", Json);

        await using ILock fromEnvironment = Lock.Create(@namespace: "code", providers: [_mine]);
        await using ILock fromJson = Lock.Create(Json, "code", providers: [_mine]);
        await using ILock withoutOne = Lock.Create(Json, "", providers: [_mine]);

        Assert.Equal(("code", "code", "outer"), (fromEnvironment.Namespace, fromJson.Namespace, withoutOne.Namespace));
    }

    [Fact]
    public async Task A_backend_of_ones_own_is_found_by_its_type_and_owned()
    {
        ILock locks = Lock.Create(new LockConfig { Type = "mine" }, providers: [_mine]);
        await locks.DisposeAsync();

        Assert.True(_mine.Store!.IsDisposed);
    }

    [Fact]
    public async Task A_provider_that_makes_whole_locks_is_asked_for_one()
    {
        var direct = new DirectProvider();

        await using ILock locks = Lock.Create("""{"type":"direct","lockOptions":{"ttl":5}}""", providers: [_mine, direct]);

        Assert.Same(direct.Made, locks);
        Assert.Equal(TimeSpan.FromMilliseconds(5), direct.Config!.LockOptions!.Ttl);
    }

    [Fact]
    public void An_unknown_type_names_the_registered_ones()
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(() => Lock.Create("""{"type":"mien"}""", providers: [_mine]));

        Assert.Equal("type", problem.Path);
        Assert.Contains("There is no provider for \"mien\". Did you mean mine?", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bad_environment_fails_at_once()
    {
        Environment.SetEnvironmentVariable("LOCK_CONFIG", """{"lockOptions":{"ttl":"x"}}""");

        LockConfigException problem = Assert.Throws<LockConfigException>(() => Lock.Create());

        Assert.Contains("In the environment variable LOCK_CONFIG", problem.Message, StringComparison.Ordinal);
    }

    private LockProviderContext Context => new(TimeProvider.System, _logs);

    private sealed class DirectProvider : IDirectLockProvider
    {
        public LockConfig? Config { get; private set; }

        public ILock? Made { get; private set; }

        public string Type => "direct";

        public ISettingsTable Settings { get; } = new SettingsTable<object>([]);

        public ILock CreateLock(LockConfig config, LockProviderContext context)
        {
            Config = config;
            return Made = new StoreLock(new SmallestStore(Type), config.LockOptions, config.Namespace, context);
        }

        public ILockStore CreateStore(LockConfig config, LockProviderContext context) => throw new NotSupportedException();
    }
}
