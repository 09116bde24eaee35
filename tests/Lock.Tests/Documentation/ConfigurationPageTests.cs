using Microsoft.Extensions.DependencyInjection;

namespace Locking.Tests.Documentation;

/// <summary>docs/configuration.md and the reader know the same settings.</summary>
public sealed class ConfigurationPageTests
{
    private readonly string _page = Page.Read("docs", "configuration.md");

    [Fact]
    public void The_tables_of_the_page_are_made_of_the_tables_of_the_code()
    {
        string made = SettingsTables.In(_page);
        if (Environment.GetEnvironmentVariable("LOCK_ACCEPT_SETTINGS") == "1")
            File.WriteAllText(Path.Combine(Page.Root, "docs", "configuration.md"), made);
        else
            Assert.True(made == _page,
                "docs/configuration.md differs; LOCK_ACCEPT_SETTINGS=1 dotnet test tests/Lock.Tests --filter ConfigurationPage writes it.");
    }

    [Fact]
    public void Every_backend_has_a_table() =>
        Assert.All(BuiltInProviders.All,
            provider => Assert.Contains($"<!-- settings: {provider.Type} -->", _page, StringComparison.Ordinal));

    [Fact]
    public void Every_preset_is_documented_with_its_type()
    {
        IReadOnlyList<string[]> rows = Page.Rows(Page.Section(_page, "Presets"));

        AssertSame(Presets.Names, rows.SelectMany(row => Page.Names(row[0])));
        Assert.All(rows, row => Assert.Equal(Presets.TypeOf(Page.Names(row[0]).Single()), Page.Names(row[1]).SingleOrDefault()));
    }

    [Fact]
    public async Task Every_json_of_the_page_is_a_configuration()
    {
        IReadOnlyList<string> blocks = Page.Blocks(_page, "json");

        Assert.NotEmpty(blocks);
        foreach (string block in blocks)
            await CapturingProvider.ResolveAsync(block);
    }

    [Fact]
    public async Task The_code_of_the_page_runs()
    {
        // The block of the page, word for word but for the variable it reads.
        await using ILock locks =
            Lock.Create(LockConfig.FromEnvironment("LOCK_CONFIG_OF_NOBODY"), fallback: new LockConfig { Type = "inMemory" });
        await using ILock other = Lock.Create(new LockConfig { Type = "inMemory", Namespace = "myApp" });
        LockConfig config = LockConfig.FromEnvironment("LOCK_CONFIG_OF_NOBODY") ?? new LockConfig { Type = "inMemory" };

        // The two of the builder.
        await using ILock builder = Lock.Create(locks => locks.UseInMemory(memory => memory.Name = "reports"));
        IServiceCollection services = new ServiceCollection();
        services.AddLock(locks => locks.UseRedis(redis => redis.Fair = true));
        await using ServiceProvider container = services.BuildServiceProvider();
        Assert.NotNull(container.GetRequiredService<ILock>());

        Assert.Equal(("myApp", "inMemory"), (other.Namespace, config.Type));
        Assert.Null(locks.Namespace);
    }

    private static void AssertSame(IEnumerable<string> known, IEnumerable<string> documented) =>
        Assert.Equal(known.Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
}
