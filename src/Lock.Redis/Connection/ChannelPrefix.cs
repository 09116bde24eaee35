using StackExchange.Redis;

namespace Locking;

/// <summary>Finds out what a lent client puts before the names of channels.</summary>
/// <remarks>
/// A client's <c>channelPrefix</c> goes before what the client itself subscribes to, and not before what a script publishes, and it does
/// not tell. So a channel is subscribed to by the client, and a script publishes under the plain name; where that is not heard, the server
/// is asked for the channels that end so, and each of them is tried.
/// </remarks>
internal sealed class ChannelPrefix(IConnectionMultiplexer client, TimeProvider time)
{
    private static readonly TimeSpan s_plain = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(1);

    private readonly string _mark = $"\u0001prefix {Guid.NewGuid():N} ";
    private readonly TaskCompletionSource<string> _heard = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The prefix; empty for none, and where it cannot be found out. Never fails, and takes a second at the most.</summary>
    public async Task<string> FindAsync()
    {
        if (!client.IsConnected)
            return "";
        ISubscriber subscriber = client.GetSubscriber();
        RedisChannel channel = RedisChannel.Literal(ForcedChannel.Name);
        try
        {
            using var limit = new CancellationTokenSource(s_limit, time);
            await Subscriptions.ReadyAsync(client, channel, s_limit, time, limit.Token).ConfigureAwait(false);
            await WithinAsync(WithResultAsync(subscriber.SubscribeAsync(channel, OnMessage)), limit.Token).ConfigureAwait(false);
            await PublishAsync(ForcedChannel.Name, limit.Token).ConfigureAwait(false);
            try
            {
                return PrefixOf(await _heard.Task.WaitAsync(s_plain, time, limit.Token).ConfigureAwait(false));
            }
            catch (TimeoutException)
            {
                foreach (string name in await NamesAsync(limit.Token).ConfigureAwait(false))
                    await PublishAsync(name, limit.Token).ConfigureAwait(false);
                return PrefixOf(await _heard.Task.WaitAsync(limit.Token).ConfigureAwait(false));
            }
        }
        catch (Exception)
        {
            // No subscription, no publishing, no answer: what waits will say so when it needs them.
            return "";
        }
        finally
        {
            Subscriptions.End(client, channel, OnMessage);
        }
    }

    private static string PrefixOf(string name) => name[..^ForcedChannel.Name.Length];

    private Task<RedisResult> PublishAsync(string name, CancellationToken cancellationToken) =>
        WithinAsync(client.GetDatabase().ScriptEvaluateAsync(ScriptSet.Publish.Text, [], [name, _mark + name]), cancellationToken);

    /// <summary>What is given up goes on, and its fault is nobody's.</summary>
    private static Task<T> WithinAsync<T>(Task<T> request, CancellationToken cancellationToken)
    {
        TaskFaults.Forget(request);
        return request.WaitAsync(cancellationToken);
    }

    private static async Task<bool> WithResultAsync(Task task)
    {
        await task.ConfigureAwait(false);
        return true;
    }

    private async Task<IEnumerable<string>> NamesAsync(CancellationToken cancellationToken)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (IServer? server in client.GetServers().Where(static server => server.IsConnected))
        {
            RedisResult answer = await WithinAsync(
                server.ExecuteAsync("PUBSUB", "CHANNELS", "*" + ForcedChannel.Name), cancellationToken).ConfigureAwait(false);
            names.UnionWith(((string?[]?)answer ?? []).OfType<string>());
        }

        return names;
    }

    private void OnMessage(RedisChannel channel, RedisValue message)
    {
        if ((string?)message is { } text && text.StartsWith(_mark, StringComparison.Ordinal))
            _heard.TrySetResult(text[_mark.Length..]);
    }
}
