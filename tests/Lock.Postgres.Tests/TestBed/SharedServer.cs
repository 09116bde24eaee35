namespace Locking;

/// <summary>One server for all tests of the process that do not stop it: started by the first class, ended with the last.</summary>
public sealed class SharedServer : IAsyncLifetime
{
    private static readonly SemaphoreSlim s_gate = new(1);
    private static PostgresServer? _server;
    private static int _users;

    internal PostgresServer Server => _server!;

    public async Task InitializeAsync()
    {
        await s_gate.WaitAsync();
        try
        {
            _server ??= await PostgresServer.StartAsync();
            _users++;
        }
        finally
        {
            s_gate.Release();
        }
    }

    public async Task DisposeAsync()
    {
        await s_gate.WaitAsync();
        try
        {
            if (--_users > 0) return;
            await _server!.DisposeAsync();
            _server = null;
        }
        finally
        {
            s_gate.Release();
        }
    }
}
