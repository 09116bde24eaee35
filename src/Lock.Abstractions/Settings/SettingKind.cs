namespace Locking.Providers;

/// <summary>What values a setting takes.</summary>
public enum SettingKind
{
    /// <summary>A text that is not blank.</summary>
    Text = 0,

    /// <summary>A text, which may be empty.</summary>
    TextOrEmpty = 1,

    /// <summary>A text, or a whole number that is kept as a text.</summary>
    TextOrNumber = 2,

    /// <summary>One of some words, in any case.</summary>
    Choice = 3,

    /// <summary>True or false.</summary>
    Flag = 4,

    /// <summary>A whole number.</summary>
    WholeNumber = 5,

    /// <summary>A number.</summary>
    Number = 6,

    /// <summary>A time: whole milliseconds, or a text with a unit.</summary>
    Time = 7,

    /// <summary>A time, or null for none; held as <see cref="Timeout.InfiniteTimeSpan"/>.</summary>
    TimeOrNone = 8,

    /// <summary>A time, or null or -1 for none; held as <see cref="Timeout.InfiniteTimeSpan"/>.</summary>
    TimeOrEndless = 9,

    /// <summary>A list of objects with settings of their own.</summary>
    List = 10,
}

/// <summary>Where a setting stands in a configuration.</summary>
public enum SettingPlace
{
    /// <summary>In <c>connection</c>: how to reach the backend.</summary>
    Connection = 0,

    /// <summary>In <c>lockOptions</c>, beside those of the engine.</summary>
    LockOptions = 1,
}
