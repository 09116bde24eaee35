using System.Globalization;

namespace Locking.Providers;

/// <summary>What a row allows, in words.</summary>
internal static class SettingWords
{
    public const string Milliseconds = "milliseconds, or a text such as \"200ms\", \"30s\", \"5m\" or \"1h\"";

    public static string Allowed(Setting setting) => setting.Kind switch
    {
        SettingKind.Text => "a text",
        SettingKind.TextOrEmpty => "a text, which may be empty",
        SettingKind.TextOrNumber => "a text or a whole number",
        SettingKind.Choice => string.Join(", ", setting.Choices.Select(static choice => $"\"{choice}\"")),
        SettingKind.Flag => "true or false",
        SettingKind.WholeNumber or SettingKind.Number => Range(setting),
        SettingKind.Time => $"{Times(setting)} in {Milliseconds}",
        SettingKind.TimeOrNone => $"{Times(setting)} in {Milliseconds}; null for no limit",
        SettingKind.TimeOrEndless => $"{Times(setting)} in {Milliseconds}; null or -1 for no limit",
        _ => "a list of at least one object",
    };

    /// <summary>The type, as the documentation calls it.</summary>
    public static string TypeOf(Setting setting) => setting.Kind switch
    {
        SettingKind.Text or SettingKind.TextOrEmpty => "text",
        SettingKind.TextOrNumber => "text or int",
        SettingKind.Choice => string.Join(", ", setting.Choices.Select(static choice => $"`{choice}`")),
        SettingKind.Flag => "bool",
        SettingKind.WholeNumber => setting.AllowsNull && setting.Place == SettingPlace.LockOptions ? "int or null" : "int",
        SettingKind.Number => "number",
        SettingKind.Time => "time",
        SettingKind.TimeOrNone or SettingKind.TimeOrEndless => "time or null",
        _ => "list",
    };

    private static string Times(Setting setting) => string.Create(CultureInfo.InvariantCulture, $"{setting.Least:0} to 10,000 days");

    private static string Range(Setting setting) => double.IsPositiveInfinity(setting.Most)
        ? string.Create(CultureInfo.InvariantCulture, $"{setting.Least} or more")
        : string.Create(CultureInfo.InvariantCulture, $"{setting.Least} to {setting.Most}");
}
