using System.Reflection;

namespace Locking.Tests.Configuration;

/// <summary>The tables and the records they fill know the same settings.</summary>
public sealed class OptionRecordTests
{
    [Fact]
    public void Every_property_of_the_options_is_a_setting() =>
        Assert.Equal(PropertiesOf(typeof(LockOptions)), NamesOf(OptionSettings.All));

    [Fact]
    public void Every_property_of_the_connection_is_a_setting() =>
        Assert.Equal(PropertiesOf(typeof(LockConnection)), NamesOf(ConnectionSettings.All).Append("endpoints").Order(StringComparer.Ordinal));

    [Fact]
    public void Every_property_of_the_configuration_is_a_setting() =>
        Assert.Equal(PropertiesOf(typeof(LockConfig)), NamesOf(TopSettings.All).Concat(["connection", "lockOptions"]).Order(StringComparer.Ordinal));

    [Fact]
    public void No_name_has_two_meanings()
    {
        AssertDistinct(OptionSettings.All.Concat(WaitingAliases.InOptions).SelectMany(setting => setting.Names));
        AssertDistinct(ConnectionSettings.All.SelectMany(setting => setting.Names));
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

    private static IEnumerable<string> NamesOf<TOwner>(IEnumerable<Setting<TOwner>> settings) =>
        settings.Select(setting => setting.Name).Order(StringComparer.Ordinal);
}
