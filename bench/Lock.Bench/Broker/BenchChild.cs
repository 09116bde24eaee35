using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Locking.Bench.Broker;

/// <summary>A child process that is asked by lines and answers with lines. Ends when its input ends, and with this object.</summary>
internal sealed class BenchChild : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(120);

    private readonly Process _process;

    private BenchChild(Process process) => _process = process;

    /// <summary>This program again, in one of the parts of <see cref="ChildParts"/>.</summary>
    public static BenchChild OfThisProgram(params string[] arguments) =>
        Start("dotnet", [typeof(BenchChild).Assembly.Location, ChildParts.Marker, .. arguments]);

    /// <summary>npm's live-mutex.</summary>
    /// <param name="part">"broker" or "client".</param>
    /// <param name="port">Where it listens, or the broker does.</param>
    public static BenchChild OfNode(string part, int port) => OfNode(part, port.ToString(CultureInfo.InvariantCulture));

    /// <summary>The same on a socket.</summary>
    public static BenchChild OfNode(string part, string path) =>
        Start("node", [Path.Combine(AppContext.BaseDirectory, "Broker", "live-mutex.js"), Packages(), part, path]);

    /// <summary>A port that nobody listens on, for a child that is to be told one.</summary>
    public static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>What it has used of the processors so far.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    public async Task<string> ReadAsync() =>
        await _process.StandardOutput.ReadLineAsync().WaitAsync(s_patience, TimeProvider.System)
        ?? throw new InvalidOperationException("A child process of the benchmark has ended.");

    public async Task<string> AskAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync();
        return await ReadAsync();
    }

    public async Task<double> AskNumberAsync(string line)
    {
        string answer = await AskAsync(line);
        return double.TryParse(answer, NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
            ? number
            : throw new InvalidOperationException($"A child process of the benchmark answered '{answer}' to '{line}'.");
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.StandardInput.Close();
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5), TimeProvider.System);
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill();
            }
        }

        _process.Dispose();
    }

    private static BenchChild Start(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        return new BenchChild(Process.Start(start)!);
    }

    private static string Packages()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            string packages = Path.Combine(directory.FullName, ".testbed", "node");
            if (Directory.Exists(Path.Combine(packages, "node_modules", "live-mutex")))
                return packages;
        }

        throw new InvalidOperationException("npm's live-mutex is not installed: run eng/node-clients.sh first.");
    }
}
