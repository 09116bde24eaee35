namespace Locking.Tests.Documentation;

/// <summary>docs/configuration.md and the reader know the same settings.</summary>
public sealed class ConfigurationPageTests
{
    private readonly string _page = Page.Read("docs", "configuration.md");

    [Fact]
    public void The_top_level_is_documented() =>
        AssertSame(
            TopSettings.All.Select(setting => setting.Name)
                .Concat(WaitingAliases.AtTop.Select(setting => setting.Name))
                .Concat([TopSettings.Connection, TopSettings.LockOptions, TopSettings.LockConfig]),
            Page.Rows(Page.Section(_page, "Top level")).SelectMany(row => Page.Names(row[0])));

    [Fact]
    public void Every_connection_setting_is_documented_with_its_other_names() =>
        AssertSame(
            ConnectionSettings.All.SelectMany(setting => setting.Names).Append(ConnectionSettings.Endpoints),
            Page.Rows(Page.Section(_page, "connection")).SelectMany(row => Page.Names(row[0]).Concat(Page.Names(row[1]))));

    [Fact]
    public void Every_lock_option_is_documented_with_its_other_names() =>
        AssertSame(
            OptionReader.Names,
            Page.Rows(Page.Section(_page, "lockOptions")).SelectMany(row => Page.Names(row[0]).Concat(Page.Names(row[1]))));

    [Fact]
    public void The_backends_of_every_setting_are_documented()
    {
        foreach (var row in Page.Rows(Page.Section(_page, "lockOptions")))
            AssertBackends(row, OptionSettings.All.Single(setting => setting.IsCalled(Page.Names(row[0]).Single())).Backends);
        foreach (var row in Page.Rows(Page.Section(_page, "connection")))
        {
            var name = Page.Names(row[0]).Single();
            AssertBackends(
                row,
                name == ConnectionSettings.Endpoints ? [BackendTypes.RedLock] : ConnectionSettings.All.Single(setting => setting.IsCalled(name)).Backends);
        }
    }

    [Fact]
    public void Every_preset_is_documented_with_its_type()
    {
        var rows = Page.Rows(Page.Section(_page, "Presets"));

        AssertSame(Presets.Names, rows.SelectMany(row => Page.Names(row[0])));
        Assert.All(rows, row => Assert.Equal(Presets.TypeOf(Page.Names(row[0]).Single()), Page.Names(row[1]).SingleOrDefault()));
    }

    [Fact]
    public async Task Every_json_of_the_page_is_a_configuration()
    {
        var blocks = Page.Blocks(_page, "json");

        Assert.NotEmpty(blocks);
        foreach (var block in blocks)
            await CapturingProvider.ResolveAsync(block);
    }

    [Fact]
    public async Task The_code_of_the_page_runs()
    {
        // The block of the page, word for word but for the variable it reads.
        await using ILock locks = Lock.Create(LockConfig.FromEnvironment("LOCK_CONFIG_OF_NOBODY"), fallback: new LockConfig { Type = "inMemory" });
        await using ILock other = Lock.Create(new LockConfig { Type = "inMemory", Namespace = "myApp" });
        LockConfig config = LockConfig.FromEnvironment("LOCK_CONFIG_OF_NOBODY") ?? new LockConfig { Type = "inMemory" };

        Assert.Equal(("myApp", "inMemory"), (other.Namespace, config.Type));
        Assert.Null(locks.Namespace);
    }

    private static void AssertBackends(string[] row, IReadOnlyList<string>? backends)
    {
        foreach (var type in BackendTypes.All)
        {
            var isNamed = row[^1].Contains(type, StringComparison.Ordinal) || row[^1] == "all";
            Assert.True(isNamed == (backends?.Contains(type) ?? true), $"{row[0]}: the page says '{row[^1]}' of {type}.");
        }
    }

    private static void AssertSame(IEnumerable<string> known, IEnumerable<string> documented) =>
        Assert.Equal(known.Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
}
