using System.Text.Json.Serialization;

namespace Locking.Samples.FileStore;

/// <summary>What the file of one key says. It stays when the lease has ended, because the token must go on rising.</summary>
/// <param name="Key">The key; the file's name is only its hash.</param>
/// <param name="Id">The holder, or empty when the lock was released.</param>
/// <param name="Owner">Who took it, for people.</param>
/// <param name="Token">The last grant's fencing token.</param>
/// <param name="ExpiresAt">The lease's end; null when it never expires.</param>
internal sealed record LeaseFile(string Key, string Id, string Owner, long Token, DateTimeOffset? ExpiresAt)
{
    public bool IsLive(DateTimeOffset now) => Id.Length > 0 && (ExpiresAt is not { } end || now < end);

    public TimeSpan Remaining(DateTimeOffset now) => ExpiresAt is { } end ? end - now : Timeout.InfiniteTimeSpan;
}

[JsonSerializable(typeof(LeaseFile))]
internal sealed partial class LeaseFileJson : JsonSerializerContext;
