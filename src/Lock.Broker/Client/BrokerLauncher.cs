using System.Diagnostics;
using System.Globalization;

namespace Locking;

/// <summary>Starts a broker on this machine when nothing listens.</summary>
/// <remarks>
/// The new process keeps nothing of the one that needed it: no open file, working directory, file mask, session or terminal, and only a
/// short list of its environment. Its priority is the usual one where the system allows that. Where several start one at the same time, the
/// one that gets the socket stays and the others end by themselves.
/// </remarks>
public sealed record BrokerLauncher
{
    private static readonly string[] s_passedOn =
    [
        "PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "DOTNET_ROOT", "DOTNET_ROOT_X64", "DOTNET_ROOT_ARM64", "DOTNET_CLI_HOME",
        "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "DOTNET_gcServer", "DOTNET_GCHeapHardLimit", "DOTNET_TieredPGO",
        "SystemRoot", "SystemDrive", "USERPROFILE", "LOCALAPPDATA", "TEMP", "TMP",
    ];

    /// <summary>The program and its first arguments. <c>--path SOCKET</c> or <c>--host HOST --port PORT</c>, and <c>--idle-exit TIME</c>
    /// are added. Default: <c>lock broker</c>, found in the search path.</summary>
    public IReadOnlyList<string> Command { get; init; } = ["lock", "broker"];

    /// <summary>After how long without clients and locks the broker ends. At least 1 s. Default 10 minutes.</summary>
    public TimeSpan IdleExit { get; init => field = value >= TimeSpan.FromSeconds(1)
        ? value
        : throw new ArgumentOutOfRangeException(nameof(IdleExit), value, "IdleExit must be at least 1 s."); } = TimeSpan.FromMinutes(10);

    /// <summary>The name of the environment variable by which a launched broker gets its secret, which no command line must show.</summary>
    public const string SecretVariable = "LOCK_BROKER_SECRET";

    /// <summary>What a launched process calls first: leaves the session of the terminal, the working directory, the file mask, a lowered
    /// priority, and limits of processor time and file size, all of which it has from whoever happened to need it. What the system refuses
    /// stays as it is.</summary>
    public static void Detach() => UnixProcess.Detach();

    /// <summary>Starts it, and does not wait until it listens.</summary>
    /// <exception cref="LockStoreException">The program could not be started.</exception>
    internal void Launch(BrokerAddress address, string? secret)
    {
        if (address.Path is not null)
            SocketDirectory.Prepare(Path.GetDirectoryName(Path.GetFullPath(address.Path))!);
        var arguments = new List<string>(Command);
        if (address.Path is not null)
            arguments.AddRange(["--path", address.Path]);
        else
            arguments.AddRange(["--host", address.Host, "--port", address.Port.ToString(CultureInfo.InvariantCulture)]);
        arguments.AddRange(["--idle-exit", ((long)IdleExit.TotalMilliseconds).ToString(CultureInfo.InvariantCulture) + "ms"]);
        try
        {
            if (OperatingSystem.IsWindows())
                StartOnWindows(arguments, secret);
            else
                StartOnUnix(arguments, secret);
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException or IOException)
        {
            throw CannotStart(e.Message, e);
        }
    }

    /// <summary>A shell that ends at once leaves the broker to the system, so that no dead child stays behind here.</summary>
    private void StartOnUnix(List<string> arguments, string? secret)
    {
        const string script = "command -v \"$1\" >/dev/null || exit 127; trap '' HUP; cd /; umask 077; \"$@\" </dev/null >/dev/null 2>&1 &";
        IDictionary<string, string?> environment = new ProcessStartInfo().Environment;
        Restrict(environment, secret);
        if (DetachedProcess.RunShell(["-c", script, "sh", .. arguments], environment) == 127)
            throw CannotStart($"'{Command[0]}' was not found");
    }

    private static void StartOnWindows(List<string> arguments, string? secret)
    {
        var start = new ProcessStartInfo(arguments[0]) { UseShellExecute = false, CreateNoWindow = true };
        for (int i = 1; i < arguments.Count; i++)
            start.ArgumentList.Add(arguments[i]);
        Restrict(start.Environment, secret);
        using var process = Process.Start(start);
    }

    private static void Restrict(IDictionary<string, string?> environment, string? secret)
    {
        foreach (string name in new List<string>(environment.Keys))
        {
            if (!s_passedOn.Contains(name, StringComparer.OrdinalIgnoreCase) && !name.StartsWith("LC_", StringComparison.Ordinal))
                environment.Remove(name);
        }

        if (secret is not null)
            environment[SecretVariable] = secret;
    }

    private LockStoreException CannotStart(string why, Exception? inner = null) => new(
        $"No broker runs, and one cannot be started with '{string.Join(' ', Command)}': {why}.", isTransient: false, inner)
    {
        MayHaveBeenApplied = false,
    };
}
