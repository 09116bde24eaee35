using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Locking;

/// <summary>The programs of PostgreSQL and PgBouncer, which do not run as root: root's tests run them as nobody.</summary>
internal static class ServerProcess
{
    /// <summary>Where PostgreSQL's programs are: the variable LOCK_TEST_POSTGRES_BIN, else the newest of Debian's packages.</summary>
    public static string Programs { get; } = Environment.GetEnvironmentVariable("LOCK_TEST_POSTGRES_BIN") is { Length: > 0 } given
        ? given
        : NewestOfDebian();

    public static string PgBouncer { get; } = Environment.GetEnvironmentVariable("LOCK_TEST_PGBOUNCER") is { Length: > 0 } given
        ? given
        : "/usr/sbin/pgbouncer";

    /// <summary>A folder of its own for one server, outside of the repository, where nobody may enter.</summary>
    public static string CreateFolder()
    {
        string folder = Directory.CreateTempSubdirectory("lock-postgres-").FullName;
        if (Environment.IsPrivilegedProcess) RunAsync("chown", "65534:65534", folder).GetAwaiter().GetResult();
        return folder;
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Runs a program to its end, and throws what it wrote when it fails.</summary>
    public static async Task RunAsync(string program, params string[] arguments)
    {
        using Process process = Start(program, arguments, asNobody: program.StartsWith(Programs, StringComparison.Ordinal));
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} failed ({process.ExitCode}): {await error} {await output}");
    }

    /// <summary>Starts a server; what it writes goes to a file beside its data.</summary>
    public static Process StartServer(string log, string program, params string[] arguments)
    {
        Process process = Start(program, arguments, asNobody: true);
        process.OutputDataReceived += (_, line) => Append(log, line.Data);
        process.ErrorDataReceived += (_, line) => Append(log, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private static void Append(string log, string? line)
    {
        lock (Programs)
        {
            if (line is not null && Directory.Exists(Path.GetDirectoryName(log))) File.AppendAllText(log, line + "\n");
        }
    }

    private static Process Start(string program, string[] arguments, bool asNobody)
    {
        if (Path.IsPathRooted(program) && !File.Exists(program))
            throw new InvalidOperationException(
                $"{program} is missing: eng/servers.sh start installs it (Debian's packages postgresql and pgbouncer); "
                    + "LOCK_TEST_POSTGRES_BIN and LOCK_TEST_PGBOUNCER name others.");
        string[] drop = asNobody && Environment.IsPrivilegedProcess
            ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program]
            : [program];
        var start = new ProcessStartInfo(drop[0]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        foreach (string argument in drop[1..].Concat(arguments)) start.ArgumentList.Add(argument);
        start.Environment["LC_ALL"] = "C";
        return Process.Start(start)!;
    }

    private static string NewestOfDebian()
    {
        const string Root = "/usr/lib/postgresql";
        string[] versions = Directory.Exists(Root) ? Directory.GetDirectories(Root) : [];
        return Path.Combine(
            versions.OrderBy(static folder => folder.Length).ThenBy(static folder => folder, StringComparer.Ordinal)
                .LastOrDefault(Root), "bin");
    }
}
