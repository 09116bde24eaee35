namespace Locking.Providers;

/// <summary>Rows that several backends have, so that they are called and explained alike.</summary>
public static class CommonSettings
{
    /// <summary><c>host</c>.</summary>
    public static Setting<T> Host<T>(Func<T, string?> get, Func<T, string?, T> set) =>
        Settings.Text("host", get, set, "Host name or address.") with
        {
            Default = "`127.0.0.1`", Allowed = HostRule.Allowed, Check = static (value, path) => HostRule.Check((string)value, path),
            Misnomers = ["hostname", "server", "address", "addr", "ip", "endpoint"],
        };

    /// <summary><c>port</c>.</summary>
    public static Setting<T> Port<T>(int port, Func<T, int?> get, Func<T, int?, T> set) =>
        Settings.WholeNumber("port", get, set, "TCP port.") with { Default = $"{port}", Least = 1, Most = 65535 };

    /// <summary><c>path</c>, and <c>udsPath</c>.</summary>
    public static Setting<T> SocketPath<T>(Func<T, string?> get, Func<T, string?, T> set) =>
        Settings.Text("path", get, set, "Unix domain socket.") with
        {
            Aliases = ["udsPath"], Allowed = "the path of a Unix domain socket", Misnomers = ["socket", "sock", "socketPath", "unixSocket"],
        };

    /// <summary><c>url</c>, and <c>connectionString</c>. A secret.</summary>
    public static Setting<T> Url<T>(string forms, Func<T, string?> get, Func<T, string?, T> set) =>
        Settings.Text("url", get, set, $"{forms}. Never shown.") with
        {
            Aliases = ["connectionString"], IsSecret = true, Allowed = forms.Replace("`", "", StringComparison.Ordinal),
            Misnomers = ["uri", "dsn", "configuration"],
            Check = static (value, path) => UrlRule.Check((string)value, path),
        };

    /// <summary><c>username</c>.</summary>
    public static Setting<T> Username<T>(Func<T, string?> get, Func<T, string?, T> set) =>
        Settings.Text("username", get, set, "User name; goes with `password`.") with { Misnomers = ["user", "login", "userId", "aclUser"] };

    /// <summary><c>password</c>. A secret.</summary>
    public static Setting<T> Password<T>(Func<T, string?> get, Func<T, string?, T> set) =>
        Settings.Text("password", get, set, "Password. Never shown.") with
        {
            Kind = SettingKind.TextOrEmpty, Allowed = "a text", IsSecret = true, Misnomers = ["pass", "pwd", "passwd", "auth", "authToken"],
        };

    /// <summary><c>tls</c>.</summary>
    public static Setting<T> Tls<T>(Func<T, bool?> get, Func<T, bool?, T> set) =>
        Settings.Flag("tls", get, set, "Speak TLS.") with
        {
            Default = "`false`, or as the url says", Misnomers = ["ssl", "useTls", "useSsl", "secure", "rediss"],
        };

    /// <summary><c>connectTimeout</c>.</summary>
    public static Setting<T> ConnectTimeout<T>(Func<T, TimeSpan?> get, Func<T, TimeSpan?, T> set) =>
        Settings.Time("connectTimeout", get, set, "Limit of connecting.") with { Default = "3000" };

    /// <summary><c>commandTimeout</c>.</summary>
    public static Setting<T> CommandTimeout<T>(Func<T, TimeSpan?> get, Func<T, TimeSpan?, T> set) =>
        Settings.Time("commandTimeout", get, set, "Limit of one request.") with
        {
            Default = "2000", Misnomers = ["requestTimeout", "socketTimeout", "syncTimeout", "asyncTimeout"],
        };

    /// <summary><c>noDelay</c>.</summary>
    public static Setting<T> NoDelay<T>(Func<T, bool?> get, Func<T, bool?, T> set, string meaning) =>
        Settings.Flag("noDelay", get, set, meaning) with { Default = "`true`" };

    /// <summary><c>keyPrefix</c>, in <c>lockOptions</c>.</summary>
    public static Setting<T> KeyPrefix<T>(string @default, Func<T, string?> get, Func<T, string?, T> set) =>
        Settings.Text("keyPrefix", get, set, "Literal prefix before namespace and key.") with
        {
            Place = SettingPlace.LockOptions, Kind = SettingKind.TextOrEmpty, Default = @default, Allowed = "a text, which may be empty",
            Misnomers = ["prefix", "keyspace"], Asks = static value => value is not "",
        };
}
