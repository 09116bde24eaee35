using Locking.Conformance;

namespace Locking.InMemory.Tests.Table;

/// <summary>A table on a clock that stands still, and claims that write down what they are told.</summary>
public abstract class TableTest : IDisposable
{
    private int _lastId;

    protected static readonly TimeSpan Ttl = TimeSpan.FromSeconds(30);

    protected TestClock Time { get; } = new();

    private protected LockTable Table { get; private set; } = null!;

    protected List<string> Heard { get; } = [];

    protected TableTest() => Table = new LockTable(Time);

    public void Dispose()
    {
        Table.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected TestClaim Claim(string key = "k", TimeSpan? ttl = null, string? id = null) =>
        new(key, id ?? $"id{++_lastId}", ttl ?? Ttl, Heard);

    private protected TestClaim Held(string key = "k", TimeSpan? ttl = null, int max = 0)
    {
        TestClaim claim = Claim(key, ttl);
        Assert.Equal(AcquireStatus.Granted, Table.Acquire(claim, new AcquireTerms { Max = max }).Status);
        return claim;
    }

    private protected TestClaim Waiting(string key = "k", TimeSpan? ttl = null, bool front = false)
    {
        TestClaim claim = Claim(key, ttl);
        Assert.Equal(AcquireStatus.Queued, Table.Acquire(claim, new AcquireTerms { Queue = true, Front = front }).Status);
        return claim;
    }

    private protected AcquireStatus Try(string key = "k") => Table.Acquire(Claim(key), default).Status;
}

internal sealed class TestClaim(string key, string id, TimeSpan ttl, List<string> heard) : Claim(key, ttl)
{
    public override string Owner => "tester";

    public override string Id => id;

    public bool Prompt { get; init; }

    /// <summary>When set, the end of this claim must be announced, by this.</summary>
    public Action? Announce { get; set; }

    public bool Announced { get; private set; }

    protected internal override bool WantsPromptExpiry => Prompt;

    protected internal override bool MustAnnounceEnd => Announce is not null && !Announced;

    protected internal override void AnnounceEnd()
    {
        Announce!();
        Announced = true;
    }

    protected internal override void OnGranted() => Hear("granted");

    protected internal override void OnExpired() => Hear("expired");

    protected internal override void OnForced() => Hear("forced");

    private void Hear(string what)
    {
        lock (heard)
            heard.Add($"{id} {what}");
    }
}
