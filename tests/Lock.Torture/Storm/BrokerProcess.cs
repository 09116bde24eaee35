using System.Globalization;
using System.Runtime.InteropServices;

namespace Locking.Torture;

/// <summary>A broker in a process of its own: <c>broker PATH PORT</c>. TERM ends it in good order.</summary>
internal static class BrokerProcess
{
    public static async Task<int> RunAsync(string path, string port)
    {
        await using var server = new BrokerServer(
            new BrokerServerOptions { Path = path, Host = "127.0.0.1", Port = int.Parse(port, CultureInfo.InvariantCulture) });
        if (!server.TryStart())
        {
            Console.WriteLine("another broker runs");
            return 1;
        }

        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
        {
            signal.Cancel = true;
            _ = server.DisposeAsync().AsTask();
        });
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"listening {server.Port}"));
        await server.Completion;
        return 0;
    }
}
