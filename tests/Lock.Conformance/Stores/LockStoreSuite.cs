namespace Locking.Conformance;

/// <summary>What the suites of the store seam share: the stores under test, and what their backend can do.</summary>
public abstract class LockStoreSuite : ConformanceSuite
{
    private ILockStore? _store;

    /// <summary>The abilities: what the store declares, held against what it is. None of them skips a fact: where an ability is absent
    /// the fact asserts the documented refusal, or the way without it.</summary>
    protected virtual StoreAbilities Abilities => new();

    /// <summary>The store most facts use; made at the first use.</summary>
    protected ILockStore Store => _store ??= NewStore();

    /// <inheritdoc/>
    protected sealed override TimeSpan TtlStep => Abilities.TtlStep;

    /// <inheritdoc/>
    public override async Task DisposeAsync()
    {
        if (_store is not null)
        {
            // A lease without expiry would stay on a shared server for ever.
            var left = new List<LockInfo>();
            await foreach (LockInfo? info in _store.ListAsync(KeyPrefix, CancellationToken.None).ConfigureAwait(false))
                left.Add(info);
            foreach (LockInfo info in left)
                await _store.TryReleaseAsync(info.Key, info.Id, CancellationToken.None).ConfigureAwait(false);
        }

        await base.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Makes a store: a new instance at each call, as another process would have one, over the same backend.</summary>
    protected abstract ILockStore CreateStore();

    /// <summary>As <see cref="CreateStore()"/>, where the process of the store has this clock, which goes wrong. Overridden by a store that
    /// takes a <see cref="TimeProvider"/> of its own beside its backend's.</summary>
    protected virtual ILockStore CreateStore(TimeProvider processClock) => CreateStore();

    /// <summary>Another instance, disposed when the test ends.</summary>
    protected ILockStore NewStore() => Track(CreateStore());

    /// <inheritdoc/>
    protected override async Task AskBackendAsync()
    {
        ILockStore store = CreateStore();
        await using (store.ConfigureAwait(false))
            await store.GetAsync(NewKey(), CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Asks for a lock.</summary>
    /// <param name="store">Where.</param>
    /// <param name="key">The key.</param>
    /// <param name="id">The holder.</param>
    /// <param name="ttl">The lease; default <see cref="ConformanceSuite.LongTtl"/>.</param>
    /// <param name="owner">Default <c>tester</c>.</param>
    protected async Task<AcquireReply> AskAsync(ILockStore store, string key, string id, TimeSpan? ttl = null, string owner = "tester")
    {
        ArgumentNullException.ThrowIfNull(store);
        return await store.TryAcquireAsync(Request(key, id, ttl, owner), CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Takes a lock, and asserts that it was granted.</summary>
    /// <returns>The fencing token; zero where the store has none.</returns>
    /// <inheritdoc cref="AskAsync" path="/param"/>
    protected async Task<long> TakeAsync(ILockStore store, string key, string id, TimeSpan? ttl = null, string owner = "tester") =>
        TokenOf(await AskAsync(store, key, id, ttl, owner).ConfigureAwait(false));

    /// <summary>The request of a holder.</summary>
    protected AcquireRequest Request(string key, string id, TimeSpan? ttl = null, string owner = "tester") =>
        new(key, id, owner, ttl ?? LongTtl);

    /// <summary>Asserts that it was granted, and with a token where the store has them.</summary>
    protected long TokenOf(AcquireReply reply)
    {
        Assert.True(reply.IsGranted, "expected to be granted the lock");
        Assert.Equal(Abilities.IssuesFencingTokens, reply.FencingToken.HasValue);
        return reply.FencingToken ?? 0;
    }

    /// <summary>Asserts that a later grant's token is higher.</summary>
    protected void AssertRises(long earlier, long later)
    {
        if (Abilities.IssuesFencingTokens)
            Assert.True(later > earlier, $"the token must rise: {later} came after {earlier}");
    }

    /// <summary>Asserts that exactly this holder has the lock.</summary>
    protected static async Task AssertHeldByAsync(ILockStore store, string key, string id)
    {
        ArgumentNullException.ThrowIfNull(store);
        LockInfo? info = await store.GetAsync(key, CancellationToken.None).ConfigureAwait(false);
        Assert.Equal(id, info?.Id);
    }

    /// <summary>Asserts that nobody has the lock.</summary>
    protected static async Task AssertFreeAsync(ILockStore store, string key)
    {
        ArgumentNullException.ThrowIfNull(store);
        Assert.Null(await store.GetAsync(key, CancellationToken.None).ConfigureAwait(false));
    }

    /// <summary>Force where the store offers it, else as the engine does without.</summary>
    protected static async Task<bool> ForceAsync(ILockStore store, string key)
    {
        ArgumentNullException.ThrowIfNull(store);
        if (store is IForceReleaseStore force)
            return await force.ForceReleaseAsync(key, CancellationToken.None).ConfigureAwait(false);
        return await store.GetAsync(key, CancellationToken.None).ConfigureAwait(false) is { } info
            && await store.TryReleaseAsync(key, info.Id, CancellationToken.None).ConfigureAwait(false) == StoreReply.Done;
    }

    /// <summary>The leases of a listing.</summary>
    protected static async Task<List<LockInfo>> ListAsync(ILockStore store, string prefix)
    {
        ArgumentNullException.ThrowIfNull(store);
        var infos = new List<LockInfo>();
        await foreach (LockInfo? info in store.ListAsync(prefix, CancellationToken.None).ConfigureAwait(false))
            infos.Add(info);
        return infos;
    }
}
