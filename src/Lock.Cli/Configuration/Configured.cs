using System.Net;

namespace Locking;

/// <summary>The configuration of one run of the command.</summary>
/// <param name="Config">The configuration.</param>
/// <param name="Text">The text it came from, for processes that must find the same locks; null for this user's own broker.</param>
internal sealed record Configured(LockConfig Config, string? Text)
{
    private const string Variable = LockConfigExtensions.EnvironmentVariable;

    private static readonly BrokerLockProvider s_broker = new();

    /// <summary>Reads <c>--config</c>, else <c>LOCK_CONFIG</c>, else takes this user's own broker.</summary>
    /// <exception cref="LockConfigException">The configuration is wrong, or one that makes no sense here.</exception>
    public static Configured Read(ParsedArguments arguments)
    {
        string? text = arguments.Value(SharedOptions.Config);
        if (text is { Length: 0 })
            throw arguments.Bad(SharedOptions.Config, text, "JSON, or @ and the name of a file that holds it");
        text ??= GivenText.Variable(Variable);
        if (string.IsNullOrWhiteSpace(text))
        {
            var own = new BrokerLockSettings { Path = BrokerPaths.DefaultSocket, Launch = true };
            if (arguments.Has(SharedOptions.Verbose))
                Streams.Error($"the backend is this user's own broker at {own.Path}, since there is neither --config nor {Variable}.");
            return new Configured(s_broker.Settings.Write(new LockConfig { Type = s_broker.Type }, own), null);
        }

        // @file is relative to where we are; so is it for the watcher, which starts in the same directory.
        LockConfig config = LockConfig.Parse(text).ApplyPreset();
        if (config.Type is null || string.Equals(config.Type, "inMemory", StringComparison.OrdinalIgnoreCase))
        {
            string[] others = [.. BuiltInProvidersExtensions.Providers.Select(static provider => provider.Type).Where(
                static type => type != "inMemory")];
            throw new LockConfigException("type", (config.Type is null ? "no backend is chosen. "
                : "inMemory locks end with the process that takes them: two commands would never exclude each other. ")
                + $"Allowed here: {string.Join(", ", others)}; without any configuration the command uses this user's own broker.");
        }

        FullProgram.BecomeWhereNeeded(config.Type);
        if (string.Equals(config.Type, "broker", StringComparison.OrdinalIgnoreCase))
            config = config with { Connection = WithLaunch(config.Connection) };
        if (arguments.Has(SharedOptions.Verbose))
            Streams.Error(
                $"the backend is {config.Type}, as {(arguments.Value(SharedOptions.Config) is null ? Variable : "--config")} says.");
        return new Configured(config, text);
    }

    /// <summary>The locks.</summary>
    public ILock Open() => Lock.Create(
        Config, providers: [new BrokerLockProvider { Launcher = new BrokerLauncher { Command = ThisProgram.BrokerCommand() } }]);

    /// <summary>The whole key of a command line's KEY.</summary>
    public static string KeyOf(ParsedArguments arguments)
    {
        string key = arguments.Argument(0)!;
        if (key.Length == 0)
            throw new UsageException("KEY is empty.", arguments.Command);
        return InNamespace(arguments, SharedOptions.Namespace, key);
    }

    /// <summary>A key, or the beginning of one, in the namespace of the command line.</summary>
    public static string InNamespace(ParsedArguments arguments, OptionSpec option, string key)
    {
        // An empty variable in a script must not turn a lock of one application into everybody's.
        return arguments.Value(option) switch
        {
            null => key,
            "" => throw arguments.Bad(option, "", "a name of at least one character; without --ns the key is global"),
            string ns => $"{ns}:{key}",
        };
    }

    /// <summary>A broker of this machine is started when it is absent, unless that is forbidden; one elsewhere cannot be.</summary>
    private static LockSettings WithLaunch(LockSettings? said)
    {
        var connection = new LockSettings();
        foreach ((string name, object? value) in said ?? [])
            connection[name] = value;

        // A broker that is launched works in another directory.
        if (connection["path"] is string { Length: > 0 } path)
            connection["path"] = GivenText.FullPath(path);
        if (connection["launch"] is null && IsHere(connection))
            connection["launch"] = true;
        return connection;
    }

    private static bool IsHere(LockSettings connection) =>
        connection["path"] is not null || connection["host"] is null or "localhost"
        || (connection["host"] is string host && IPAddress.TryParse(host, out IPAddress? address) && IPAddress.IsLoopback(address));
}
