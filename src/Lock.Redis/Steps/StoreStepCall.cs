using StackExchange.Redis;

namespace Locking;

/// <summary>One step, ready to be sent.</summary>
/// <param name="Script">What is done.</param>
/// <param name="Keys">The keys that the script is given.</param>
/// <param name="Values">Its arguments.</param>
/// <param name="IsSplitOnCluster">Whether a Redis Cluster would have to refuse the keys, since they are in different slots.</param>
internal readonly record struct StoreStepCall(RedisScript Script, RedisKey[] Keys, RedisValue[] Values, bool IsSplitOnCluster = false);
