namespace Locking;

/// <summary>
/// What a backend makes of the settings that are not for it. A setting that only tunes is ignored, and named in the log, so that a
/// configuration can move to another backend by its type and connection alone. A setting that asks for something this backend cannot
/// give is refused. Types that are not ours judge for themselves.
/// </summary>
internal sealed class BackendRules(string type)
{
    private readonly List<string> _ignored = [];

    /// <summary>The paths of the settings that were ignored.</summary>
    public IReadOnlyList<string> Ignored => _ignored;

    /// <summary>Whether a backend has a setting.</summary>
    public static bool Has(IReadOnlyList<string>? backends, string type) =>
        backends is null || backends.Contains(type) || !BackendTypes.All.Contains(type);

    /// <summary>Judges how the backend is to be reached.</summary>
    /// <exception cref="LockConfigException">The backend is not reached this way.</exception>
    public void CheckConnection(LockConnection? connection)
    {
        if (type == BackendTypes.InMemory)
            return;
        if (type == BackendTypes.RedLock)
            CheckEndpoints(connection?.Endpoints);
        if (connection is null)
            return;
        CheckPlace(connection, TopSettings.Connection);
        foreach (var setting in ConnectionSettings.All)
        {
            if (setting.Get(connection) is not null && !Has(setting.Backends, type))
                throw NotHere(ConfigNode.Join(TopSettings.Connection, setting.Name), setting.Backends!, Hint(setting.Name));
        }

        if (connection.Endpoints is not null && type != BackendTypes.RedLock && BackendTypes.All.Contains(type))
            throw NotHere($"{TopSettings.Connection}.{ConnectionSettings.Endpoints}", [BackendTypes.RedLock], "");
    }

    /// <summary>Judges what the configuration itself says; what a preset adds for other backends was left out already.</summary>
    /// <exception cref="LockConfigException">The backend cannot do what a setting asks for.</exception>
    public void CheckOptions(LockOptions said)
    {
        foreach (var setting in OptionSettings.All)
        {
            if (setting.Get(said) is not { } value || Has(setting.Backends, type))
                continue;
            var path = ConfigNode.Join(TopSettings.LockOptions, setting.Name);
            if (AsksForMore(setting, value))
                throw NotHere(path, setting.Backends!, Hint(setting.Name));
            _ignored.Add(path);
        }
    }

    private static void CheckEndpoints(IReadOnlyList<LockConnection>? endpoints)
    {
        const string Path = $"{TopSettings.Connection}.{ConnectionSettings.Endpoints}";
        if (endpoints is not { Count: > 0 })
            throw new LockConfigException(Path, $"is needed by redLock. Allowed: {ConnectionSettings.EndpointsAllowed}.");
        for (var i = 0; i < endpoints.Count; i++)
        {
            CheckPlace(endpoints[i], $"{Path}[{i}]");
            foreach (var setting in ConnectionSettings.All)
            {
                if (setting.Get(endpoints[i]) is not null && !Has(setting.Backends, BackendTypes.Redis))
                    throw new LockConfigException($"{Path}[{i}].{setting.Name}", $"An endpoint is a Redis server; {In(setting.Backends!)} has this.");
            }

            if (endpoints[i].Endpoints is not null)
                throw new LockConfigException($"{Path}[{i}]", "An endpoint cannot hold endpoints itself.");
        }
    }

    /// <summary>There are three ways to say where a server is; two at once could differ.</summary>
    private static void CheckPlace(LockConnection connection, string path)
    {
        var said = new List<string>();
        if (connection.Host is not null || connection.Port is not null)
            said.Add("host and port");
        if (connection.Path is not null)
            said.Add("path");
        if (connection.Url is not null)
            said.Add("url");
        if (said.Count > 1)
            throw new LockConfigException(path, $"says where the server is more than once: by {string.Join(", by ", said)}. Keep one of them.");
        HostRule.Check(connection.Host, ConfigNode.Join(path, ConnectionSettings.Host.Name));
    }

    private bool AsksForMore(Setting<LockOptions> setting, object value) => setting.Name switch
    {
        "fair" => value is true,
        "replicas" => value is > 0,
        "format" => value is not LockFormats.Native,

        // In one process nobody else shares the backend; on a broker two prefixes would stop keeping two applications apart.
        "keyPrefix" => value is not "" && type != BackendTypes.InMemory,
        _ => false,
    };

    private string Hint(string name) => (name, type) switch
    {
        ("host" or "port" or "url" or "path", BackendTypes.RedLock) => " Say it for each of the endpoints.",
        ("database", BackendTypes.Redis or BackendTypes.RedLock) => " A database of redis has a number: see db.",
        ("db", BackendTypes.Mongo) => " A database of mongo has a name: see database.",
        ("password", BackendTypes.Broker) => " The broker has a shared secret: see secret.",
        ("url", BackendTypes.Broker) => " Use host and port, or path.",
        ("keyPrefix", BackendTypes.Broker) => " Use namespace to keep applications apart.",
        _ => "",
    };

    private LockConfigException NotHere(string path, IReadOnlyList<string> backends, string hint) =>
        new(path, $"{type} does not have this; {In(backends)} has.{hint}");

    private static string In(IReadOnlyList<string> backends) => string.Join(" or ", backends);
}
