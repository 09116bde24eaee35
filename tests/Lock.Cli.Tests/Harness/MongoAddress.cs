using System.Diagnostics;

namespace Locking.Cli.Tests;

/// <summary>A MongoDB server for one test: the one that LOCK_TEST_MONGODB names, else the gateway of the Mongo tests, as a process of its
/// own.</summary>
internal sealed class MongoAddress : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(4);

    private readonly Process? _gateway;

    private MongoAddress(Process? gateway, string uri)
    {
        _gateway = gateway;
        Uri = uri;
    }

    public string Uri { get; }

    public static async Task<MongoAddress> StartAsync()
    {
        if (Environment.GetEnvironmentVariable("LOCK_TEST_MONGODB") is { Length: > 0 } real)
            return new MongoAddress(null, real);
        var start = new ProcessStartInfo(
            "dotnet") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Lock.Mongo.Gateway.dll"));
        Process gateway = Process.Start(start)!;
        Task<string> errors = gateway.StandardError.ReadToEndAsync();
        string? uri = await gateway.StandardOutput.ReadLineAsync().WaitAsync(s_patience, TimeProvider.System);
        return uri is null
            ? throw new InvalidOperationException($"The gateway to MongoDB has ended: {await errors}")
            : new MongoAddress(gateway, uri);
    }

    public async ValueTask DisposeAsync()
    {
        if (_gateway is null)
            return;

        // It serves until its input ends, and then stops what it has started itself.
        _gateway.StandardInput.Close();
        using var patience = new CancellationTokenSource(s_patience, TimeProvider.System);
        await _gateway.WaitForExitAsync(patience.Token);
        _gateway.Dispose();
    }
}
