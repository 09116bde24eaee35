namespace Locking.Torture;

/// <summary>Lock clients of other languages, as worker processes that write the same history.</summary>
internal static class ForeignClients
{
    /// <summary>Those of npm; eng/node-clients.sh installs them.</summary>
    private static readonly string[] s_ofNode = ["redlock", "simple-redis-mutex", "live-mutex"];

    /// <summary>Their names.</summary>
    public static IEnumerable<string> Names => ["redis-py", .. s_ofNode];

    /// <summary>The key format that this library must have beside a client; null: its own.</summary>
    public static string? FormatBeside(IEnumerable<string> clients) => clients.Contains("simple-redis-mutex") ? "simple-redis-mutex" : null;

    /// <summary>Starts a worker: one of them, or this program.</summary>
    /// <param name="client">Its client.</param>
    /// <param name="words">As for this program.</param>
    /// <param name="environment">Its variables.</param>
    /// <param name="hear">Its lines.</param>
    /// <exception cref="InvalidOperationException">What it needs is not installed.</exception>
    public static ChildProcess Start(string client, IReadOnlyList<string> words, IReadOnlyDictionary<string, string> environment,
        Action<string> hear)
    {
        if (client == "redis-py")
            return new ChildProcess(Environment.GetEnvironmentVariable("LOCK_TEST_PYTHON") ?? "/usr/bin/python3",
                [Script("worker.py"), .. words], environment, hear);
        if (!s_ofNode.Contains(client))
            return ChildProcess.Own(words, environment, hear);
        Dictionary<string, string> all = new(environment, StringComparer.Ordinal) { ["NODE_PATH"] = Modules() };
        return new ChildProcess("node", [Script("worker.js"), .. words], all, hear);
    }

    private static string Script(string name) => Path.Combine(AppContext.BaseDirectory, "Clients", "Foreign", name);

    private static string Modules()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string modules = Path.Combine(folder.FullName, ".testbed", "node", "node_modules");
            if (Directory.Exists(modules))
                return modules;
        }

        throw new InvalidOperationException("The clients of npm are not installed: run eng/node-clients.sh first.");
    }
}
