using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Locking;

/// <summary>A Node.js process with npm's live-mutex in it, asked over its standard streams.</summary>
internal sealed class NodeDriver : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonElement>> _asked = new();
    private readonly Task _reading;
    private int _last;
    private bool _ended;

    private NodeDriver(Process process)
    {
        _process = process;
        _reading = ReadAsync();
    }

    public static NodeDriver Start()
    {
        var start = new ProcessStartInfo("node") { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Interop", "driver.js"));
        start.ArgumentList.Add(Packages());
        return new NodeDriver(Process.Start(start)!);
    }

    /// <summary>Gives an order and hears what came of it.</summary>
    public async Task<JsonElement> DoAsync(string what, object details)
    {
        int number = Interlocked.Increment(ref _last);
        TaskCompletionSource<JsonElement> answer =
            _asked.GetOrAdd(number, _ => new TaskCompletionSource<JsonElement>(TaskCreationOptions.RunContinuationsAsynchronously));
        var command = (JsonObject)JsonSerializer.SerializeToNode(details)!;
        command["do"] = what;
        command["n"] = number;
        string line = command.ToJsonString();
        lock (_asked)
        {
            _process.StandardInput.WriteLine(line);
            _process.StandardInput.Flush();
        }

        return await answer.Task.WaitAsync(s_patience);
    }

    /// <summary>As <see cref="DoAsync"/>, where nothing may go wrong.</summary>
    public async Task<JsonElement> MustAsync(string what, object details)
    {
        JsonElement answer = await DoAsync(what, details);
        Assert.False(answer.TryGetProperty("problem", out JsonElement problem), $"{what}: {problem}");
        return answer;
    }

    public async ValueTask DisposeAsync()
    {
        if (_ended)
            return;
        _ended = true;
        _process.Kill();
        await _process.WaitForExitAsync();
        await _reading;
        _process.Dispose();
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

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (!line.StartsWith('{'))
                continue;
            var answer = JsonElement.Parse(line);
            if (_asked.TryRemove(answer.GetProperty("n").GetInt32(), out TaskCompletionSource<JsonElement>? asked))
                asked.TrySetResult(answer);
        }

        foreach (TaskCompletionSource<JsonElement> asked in _asked.Values)
            asked.TrySetException(new InvalidOperationException("Node.js has ended."));
    }
}
