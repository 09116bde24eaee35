using System.Collections.Concurrent;
using StackExchange.Redis;

namespace Locking;

/// <summary>The names of channels as the server knows them: scripts publish there.</summary>
internal sealed class ChannelNames(string prefix)
{
    private readonly ConcurrentDictionary<string, RedisValue> _names = new(StringComparer.Ordinal);
    private volatile string _prefix = prefix;

    /// <summary>What the client puts before the names of channels; empty for nothing.</summary>
    public string Prefix
    {
        get => _prefix;
        set
        {
            _prefix = value;
            _names.Clear();
        }
    }

    /// <summary>The name of a channel.</summary>
    public RedisValue Of(string channel) => _names.GetOrAdd(channel, static (name, self) => self._prefix + name, this);
}
