namespace Locking.Providers;

/// <summary>Makes the rows of a <see cref="SettingsTable{T}"/>. What is not said here is said by <c>with</c>.</summary>
public static class Settings
{
    /// <summary>A text that is not blank.</summary>
    public static Setting<T> Text<T>(string name, Func<T, string?> get, Func<T, string?, T> set, string meaning) =>
        new()
        {
            Name = name, Kind = SettingKind.Text, AllowsNull = true, Meaning = meaning, Get = get,
            Set = (owner, value) => set(owner, (string?)value),
        };

    /// <summary>One of some words.</summary>
    public static Setting<T> Choice<T>(
        string name, IReadOnlyList<string> choices, Func<T, string?> get, Func<T, string?, T> set, string meaning) =>
        Text(name, get, set, meaning) with { Kind = SettingKind.Choice, Choices = choices };

    /// <summary>True or false.</summary>
    public static Setting<T> Flag<T>(string name, Func<T, bool?> get, Func<T, bool?, T> set, string meaning) => new()
    {
        Name = name, Kind = SettingKind.Flag, AllowsNull = true, Meaning = meaning,
        Get = owner => get(owner), Set = (owner, value) => set(owner, (bool?)value),
    };

    /// <summary>A whole number, from 0 where nothing else is said.</summary>
    public static Setting<T> WholeNumber<T>(string name, Func<T, int?> get, Func<T, int?, T> set, string meaning) => new()
    {
        Name = name, Kind = SettingKind.WholeNumber, AllowsNull = true, Least = 0, Meaning = meaning,
        Get = owner => get(owner), Set = (owner, value) => set(owner, (int?)value),
    };

    /// <summary>A time from 1 ms to 10,000 days, where nothing else is said.</summary>
    public static Setting<T> Time<T>(string name, Func<T, TimeSpan?> get, Func<T, TimeSpan?, T> set, string meaning) => new()
    {
        Name = name, Kind = SettingKind.Time, Least = 1, Most = OptionRules.Longest.TotalMilliseconds, Meaning = meaning,
        Get = owner => get(owner), Set = (owner, value) => set(owner, (TimeSpan?)value),
    };

    /// <summary>A list of objects with settings of their own; those of the place <see cref="SettingPlace.Connection"/> stand in
    /// them.</summary>
    public static Setting<T> List<T, TItem>(
        string name, SettingsTable<TItem> items, Func<T, IReadOnlyList<TItem>?> get, Func<T, IReadOnlyList<TItem>?, T> set, string meaning)
        where TItem : class, new() => new()
    {
        Name = name, Kind = SettingKind.List, AllowsNull = true, Items = items, Meaning = meaning,
        Get = owner => get(owner)?.Select(items.Write).ToList(),
        Set = (owner, value) => set(
            owner,
            ((IReadOnlyList<LockSettings>?)value)?.Select((one, index) => items.ReadItem(one, $"connection.{name}[{index}]")).ToList()),
    };
}
