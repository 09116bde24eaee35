using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;

namespace Locking;

/// <summary>Says why a client that the application lends does not answer.</summary>
internal static class LentFaults
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMilliseconds(500);

    /// <summary>The fault of a request that was not answered by a client that is not connected. The client may still send it.</summary>
    public static async Task<LockStoreException> ExplainAsync(
        IConnectionMultiplexer client, Exception fault, string step, string server, TimeProvider time)
    {
        foreach (DnsEndPoint name in client.GetEndPoints(configuredOnly: true).OfType<DnsEndPoint>())
        {
            try
            {
                Task<IPAddress[]> asked = Dns.GetHostAddressesAsync(name.Host);
                TaskFaults.Forget(asked);
                await asked.WaitAsync(s_limit, time).ConfigureAwait(false);
            }
            catch (SocketException)
            {
                return new LockStoreException(
                    $"{server} did not answer in time ({step}): the client that the application lends is not connected, and the host " +
                    $"name {name.Host} cannot be resolved (DNS).",
                    isTransient: true, fault);
            }
            catch (TimeoutException)
            {
                // A resolver that is silent says nothing about the name.
            }
        }

        return new LockStoreException(
            $"{server} did not answer in time ({step}): the client that the application lends is not connected. Is the server up, and " +
            "does the client's password suit it?",
            isTransient: true, fault);
    }
}
