using System.Reflection;

namespace Locking.Tests.Configuration;

/// <summary>The tables and the records they fill know the same settings.</summary>
public sealed class OptionRecordTests
{
    [Fact]
    public void Every_property_of_the_options_is_a_setting() =>
        Assert.Equal(PropertiesOf(typeof(LockOptions)), NamesOf(OptionSettings.All));

    public static TheoryData<Type, string> Records => new()
    {
        { typeof(InMemoryLockSettings), "inMemory" },
        { typeof(BrokerLockSettings), "broker" },
        { typeof(RedisLockSettings), "redis" },
        { typeof(RedLockSettings), "redLock" },
        { typeof(MongoLockSettings), "mongo" },
    };

    [Theory]
    [MemberData(nameof(Records))]
    public void Every_property_of_a_backends_settings_is_a_row_of_its_table(Type record, string type) =>
        Assert.Equal(PropertiesOf(record), NamesOf(BuiltInProviders.Known.Get(type).Settings.Rows));

    [Fact]
    public void Every_row_says_what_it_means_and_every_secret_is_one_everywhere()
    {
        var rows = BuiltInProviders.All.SelectMany(provider => provider.Settings.Rows).Concat(OptionSettings.All).ToList();
        Assert.All(rows, row => Assert.EndsWith(".", row.Meaning, StringComparison.Ordinal));
        Assert.All(rows.GroupBy(row => row.Name), same => Assert.Single(same.Select(row => row.IsSecret).Distinct()));
        Assert.Equal(["password", "secret", "url"],
            rows.Where(row => row.IsSecret).Select(row => row.Name).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_property_of_the_configuration_is_a_setting() =>
        Assert.Equal(PropertiesOf(typeof(LockConfig)),
            NamesOf(TopSettings.All).Concat(["connection", "lockOptions"]).Order(StringComparer.Ordinal));

    [Fact]
    public void No_name_has_two_meanings()
    {
        AssertDistinct(OptionSettings.All.Concat(WaitingAliases.InOptions).SelectMany(setting => setting.Names));
        foreach (ILockProvider provider in BuiltInProviders.All)
        {
            IEnumerable<Setting> options =
                provider.Settings.Rows.Where(row => row.Place == SettingPlace.LockOptions).Concat(OptionSettings.All)
                .Concat(WaitingAliases.InOptions);
            AssertDistinct(options.SelectMany(row => row.Names));
            AssertDistinct(provider.Settings.Rows.Where(row => row.Place == SettingPlace.Connection).SelectMany(row => row.Names));
        }

        AssertDistinct(TopSettings.All.Select(setting => setting.Name).Concat(WaitingAliases.AtTop.Select(setting => setting.Name)));
    }

    private static void AssertDistinct(IEnumerable<string> names)
    {
        var all = names.ToList();
        Assert.Equal(all.Count, all.Distinct(StringComparer.OrdinalIgnoreCase).Count());
    }

    private static IEnumerable<string> PropertiesOf(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Select(property => char.ToLowerInvariant(property.Name[0]) + property.Name[1..])
            .Order(StringComparer.Ordinal);

    private static IEnumerable<string> NamesOf(IEnumerable<Setting> settings) =>
        settings.Select(setting => setting.Name).Order(StringComparer.Ordinal);
}
