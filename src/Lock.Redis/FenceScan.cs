using System.Runtime.CompilerServices;
using System.Threading.Channels;
using StackExchange.Redis;

namespace Locking;

/// <summary>Finds the fences on all servers with SCAN.</summary>
/// <remarks>The client's scan blocks in all the versions that we serve, so it runs on a thread of its own.</remarks>
internal static class FenceScan
{
    private const int PageSize = 1000;

    public static async IAsyncEnumerable<byte[]> RunAsync(RedisConnection connection, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var multiplexer = await connection.ConnectAsync(cancellationToken).ConfigureAwait(false);
        var found = Channel.CreateUnbounded<byte[]>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _ = Task.Factory.StartNew(
            () => Scan(connection, multiplexer, found.Writer, stop.Token),
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            while (true)
            {
                bool more;
                try
                {
                    var reading = found.Reader.WaitToReadAsync(cancellationToken).AsTask();
                    RedisConnection.Forget(reading);
                    more = await reading.WaitAsync(connection.CommandTimeout, connection.Time, cancellationToken).ConfigureAwait(false);
                }
                catch (Exception exception) when (exception is not OperationCanceledException)
                {
                    throw RedisFaults.Wrap(exception, "list", connection.Server);
                }

                if (!more)
                    yield break;
                while (found.Reader.TryRead(out var fence))
                    yield return fence;
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
        }
    }

    private static void Scan(RedisConnection connection, IConnectionMultiplexer multiplexer, ChannelWriter<byte[]> found, CancellationToken stop)
    {
        try
        {
            var servers = multiplexer.GetEndPoints().Select(endPoint => multiplexer.GetServer(endPoint)).ToArray();
            var connected = Array.FindAll(servers, server => server.IsConnected);
            // None of them up: asking one brings the client's own fault. In a cluster with a master down the list lacks its part.
            var asked = connected.Length > 0 ? connected : servers;
            var database = Math.Max(connection.Database, multiplexer.GetDatabase(connection.Database).Database);
            foreach (var server in asked)
            {
                foreach (var key in server.Keys(database, LockKeys.FencePattern, PageSize, CommandFlags.None))
                {
                    if (stop.IsCancellationRequested)
                        return;
                    if ((byte[]?)key is { } name)
                        found.TryWrite(name);
                }
            }

            found.TryComplete();
        }
        catch (Exception exception)
        {
            found.TryComplete(exception);
        }
    }
}
