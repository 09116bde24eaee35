using System.Runtime.CompilerServices;
using StackExchange.Redis;

namespace Locking;

/// <summary>Finds the locks on all servers with SCAN.</summary>
internal static class KeyScan
{
    private const int PageSize = 1000;

    /// <summary>The keys that begin so, each once: of every record that may be one of the native format, of every fence of
    /// another.</summary>
    public static async IAsyncEnumerable<string> RunAsync(
        RedisConnection connection, KeyLayout layout, string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        string begins = layout.Prefix + prefix;
        byte[] pattern = layout.IsNative ? LockKeys.RecordPattern(begins) : LockKeys.FencePattern(begins);
        await foreach (byte[]? name in NamesAsync(connection, pattern, cancellationToken).ConfigureAwait(false))
        {
            string? record = layout.IsNative ? LockKeys.TextOf(name) : LockKeys.RecordOfFence(name);
            if (record is not null && record.Length > layout.Prefix.Length && record.StartsWith(begins, StringComparison.Ordinal) &&
                seen.Add(record))
                yield return record[layout.Prefix.Length..];
        }
    }

    private static async IAsyncEnumerable<byte[]> NamesAsync(
        RedisConnection connection, byte[] pattern, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        IConnectionMultiplexer multiplexer = await connection.ConnectAsync(cancellationToken).ConfigureAwait(false);
        IServer[] servers = multiplexer.GetServers();
        IServer[] connected = Array.FindAll(servers, static server => server.IsConnected);
        // None of them up: asking one brings the client's own fault. In a cluster with a master down the list lacks its part.
        IServer[] asked = connected.Length > 0 ? connected : servers;
        int database = Math.Max(connection.Database, multiplexer.GetDatabase(connection.Database).Database);
        foreach (IServer? server in asked)
        {
            IAsyncEnumerator<RedisKey> keys = server.KeysAsync(
                database, pattern, PageSize, flags: CommandFlags.None).GetAsyncEnumerator(CancellationToken.None);
            try
            {
                while (await NextAsync(connection, multiplexer, keys, cancellationToken).ConfigureAwait(false))
                {
                    if ((byte[]?)keys.Current is { } name)
                        yield return name;
                }
            }
            finally
            {
                // A page that was not answered in time is still under way: its end is not waited for.
                TaskFaults.Forget(DisposeAsync(keys));
            }
        }
    }

    private static async ValueTask<bool> NextAsync(
        RedisConnection connection,
        IConnectionMultiplexer multiplexer,
        IAsyncEnumerator<RedisKey> keys,
        CancellationToken cancellationToken)
    {
        try
        {
            ValueTask<bool> next = keys.MoveNextAsync();
            return next.IsCompleted
                ? await next.ConfigureAwait(false)
                : await connection.LimitAsync(next.AsTask(), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            throw RedisFaults.Wrap(exception, "list", connection.Server, multiplexer);
        }
    }

    private static async Task DisposeAsync(IAsyncEnumerator<RedisKey> keys)
    {
        // Under way, or failed: nobody asks any more.
        await keys.DisposeAsync().AsTask().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
