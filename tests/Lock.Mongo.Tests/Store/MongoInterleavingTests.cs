using Locking.Conformance;
using Microsoft.Extensions.Time.Testing;
using MongoDB.Bson;

namespace Locking;

/// <summary>What happens between two commands of one step, and commands that arrive when nobody waits for them any more; each interleaving
/// is forced.</summary>
public sealed class MongoInterleavingTests : IClassFixture<MongoServer>, IAsyncLifetime
{
    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);
    private readonly FakeTimeProvider _time = new(MongoServer.LaterThanAnyPurge);
    private readonly string _a = TestStore.NewId();
    private readonly string _b = TestStore.NewId();
    private readonly MongoGateway _gateway;
    private readonly DriverCommandRunner _client;
    private readonly MeddlingRunner _runner;

    /// <summary>Undisturbed, on the same collection: everybody else.</summary>
    private readonly TestStore _others;

    /// <summary>The store under test.</summary>
    private readonly MongoLockStore _store;

    public MongoInterleavingTests(MongoServer server)
    {
        _gateway = server.StartGateway();
        _gateway.Clock = _time;
        _client = TestStore.RunnerOf(_gateway.Uri);
        _runner = new MeddlingRunner(_client);
        _others = new TestStore(_gateway.Uri);
        _store = new MongoLockStore(_runner, _others.Settings, TimeProvider.System);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        Assert.Empty(_runner.Plan); // what was planned has happened
        await _store.DisposeAsync();
        _client.Dispose();
        await _others.DisposeAsync();
        await _gateway.DisposeAsync();
    }

    [Fact]
    public async Task A_release_whose_answer_was_lost_is_not_called_taken_over_because_the_next_holder_is_there()
    {
        await AcquireAsync(_a);
        _runner.LoseReply("update", async () => Assert.True((await _others.AcquireAsync("k", _b)).IsGranted));
        LockStoreException exception =
            await Assert.ThrowsAsync<LockStoreException>(() => _store.TryReleaseAsync("k", _a, default).AsTask());
        Assert.True(exception.IsTransient);
        Assert.True(exception.MayHaveBeenApplied);
        Assert.Equal(_b, await HolderAsync());
    }

    [Fact]
    public async Task A_release_whose_answer_was_lost_is_not_called_expired_because_the_document_is_gone()
    {
        await AcquireAsync(_a);
        _runner.LoseReply("update", DropDocumentAsync);
        LockStoreException exception =
            await Assert.ThrowsAsync<LockStoreException>(() => _store.TryReleaseAsync("k", _a, default).AsTask());
        Assert.True(exception.IsTransient);
        Assert.True(exception.MayHaveBeenApplied);
    }

    [Fact]
    public async Task A_release_of_a_lease_that_ran_out_is_told_so_also_when_an_answer_was_lost()
    {
        await AcquireAsync(_a);
        _time.Advance(TimeSpan.FromHours(1));
        _runner.LoseReply("update", () => Task.CompletedTask);
        Assert.Equal(StoreReply.NotHeld, await _store.TryReleaseAsync("k", _a, default));
    }

    [Fact]
    public async Task An_unlock_whose_answer_was_lost_says_released_whoever_has_the_lock_now()
    {
        await using var locks = new StoreLock(_store);
        ILockHandle handle = await locks.LockAsync("k", new LockOptions { Ttl = s_minute });
        _runner.LoseReply("update", async () => Assert.True((await _others.AcquireAsync("k", _b)).FencingToken > handle.FencingToken));
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
        Assert.Equal(_b, await HolderAsync());
    }

    [Fact]
    public async Task A_forced_release_that_is_repeated_spares_the_next_holder()
    {
        await AcquireAsync(_a);
        _runner.LoseReply("findAndModify", async () => Assert.True((await _others.AcquireAsync("k", _b)).IsGranted));
        Assert.True(await _store.ForceReleaseAsync("k", default));
        Assert.Equal(_b, await HolderAsync());
    }

    [Fact]
    public async Task A_forced_release_that_comes_late_spares_the_next_holder()
    {
        await AcquireAsync(_a);
        MeddlingRunner.CarryOut late = _runner.Keep("findAndModify");
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => _store.ForceReleaseAsync("k", default).AsTask());
        Assert.True(exception.MayHaveBeenApplied);
        Assert.Equal(StoreReply.Done, await _others.ReleaseAsync("k", _a));
        Assert.True((await _others.AcquireAsync("k", _b)).IsGranted);
        await late();
        Assert.Equal(_b, await HolderAsync());
    }

    [Fact]
    public async Task A_forced_release_takes_the_lock_from_whoever_got_it_while_it_looked()
    {
        await AcquireAsync(_a);
        _runner.Before("findAndModify", async () =>
        {
            Assert.Equal(StoreReply.Done, await _others.ReleaseAsync("k", _a));
            Assert.True((await _others.AcquireAsync("k", _b)).IsGranted);
        });
        Assert.True(await _store.ForceReleaseAsync("k", default));
        Assert.Null(await HolderAsync());
    }

    [Fact]
    public async Task A_late_request_for_no_end_does_nothing_to_a_later_grant_of_the_same_id()
    {
        _runner.Before("findAndModify", () => Task.CompletedTask);
        MeddlingRunner.CarryOut late = _runner.Keep("findAndModify");
        await Assert.ThrowsAsync<LockStoreException>(
            () => _store.TryAcquireAsync(new AcquireRequest("k", _a, "", Timeout.InfiniteTimeSpan), default).AsTask());
        Assert.Equal(StoreReply.Done, await _others.ReleaseAsync("k", _a));
        // Its first command was sent twice; the second one arrives now, and after it the one that takes the end away.
        Assert.True((await _others.AcquireAsync("k", _a, TimeSpan.FromSeconds(30))).IsGranted);
        await late();
        Assert.Equal(TimeSpan.FromSeconds(30), (await _others.Store.GetAsync("k", default))!.Remaining);
    }

    [Fact]
    public async Task The_token_of_a_repeated_acquisition_is_that_of_the_grant_that_stands()
    {
        long first = await AcquireAsync(_a, TimeSpan.FromSeconds(5));
        long between = 0;
        long last = 0;
        // The same holder asks again, and finds its lease; before it can be extended, that is over, and another holder's as well.
        _runner.Before("findAndModify", () => Task.CompletedTask);
        _runner.Before("findAndModify", async () =>
        {
            _time.Advance(TimeSpan.FromSeconds(10));
            between = (await _others.AcquireAsync("k", _b)).FencingToken!.Value;
            Assert.Equal(StoreReply.Done, await _others.ReleaseAsync("k", _b));
            last = (await _others.AcquireAsync("k", _a)).FencingToken!.Value;
        });
        long again = await AcquireAsync(_a);
        Assert.Equal(last, again);
        Assert.True(first < between && between < last);
    }

    [Fact]
    public async Task A_lease_that_ends_before_its_repeated_acquisition_extends_it_is_taken_anew()
    {
        long first = await AcquireAsync(_a, TimeSpan.FromSeconds(5));
        _runner.LoseReply("findAndModify", () => Task.CompletedTask);
        _runner.Before("findAndModify", () => Task.CompletedTask);
        _runner.Before("findAndModify", () =>
        {
            _time.Advance(TimeSpan.FromSeconds(10));
            return Task.CompletedTask;
        });
        Assert.True(await AcquireAsync(_a) > first);
        Assert.Equal(_a, await HolderAsync());
    }

    [Fact]
    public async Task A_grant_that_a_failover_rolled_back_before_it_was_confirmed_is_nobodys()
    {
        await AcquireAsync(TestStore.NewId(), key: "warm");
        _runner.Plan.Enqueue(("findAndModify", async carryOut =>
        {
            await carryOut();
            await DropDocumentAsync();
            Assert.True((await _others.AcquireAsync("k", _b)).IsGranted);
            throw MongoFailure.Create("The write concern was not confirmed.", isTransient: true, mayHaveRun: true);
        }));
        Assert.False((await _store.TryAcquireAsync(new AcquireRequest("k", _a, "", s_minute), default)).IsGranted);
        Assert.Equal(_b, await HolderAsync());
    }

    [Fact]
    public async Task An_extension_that_a_failover_rolled_back_is_made_again()
    {
        await AcquireAsync(_a, s_minute);
        _runner.Plan.Enqueue(
            ("findAndModify", static _ => throw MongoFailure.Create("Applied, and rolled back.", isTransient: true, mayHaveRun: true)));
        Assert.Equal(StoreReply.Done, await _store.TryExtendAsync("k", _a, TimeSpan.FromHours(1), default));
        Assert.Equal(TimeSpan.FromHours(1), (await _others.Store.GetAsync("k", default))!.Remaining);
    }

    /// <summary>What a failover may do with <c>w: 1</c>: docs/mongo.md says that two holders are possible then.</summary>
    [Fact]
    public async Task A_holder_whose_grant_was_rolled_back_is_told_at_its_next_renewal_and_the_next_token_is_higher()
    {
        await using var locks = new StoreLock(_store);
        await using ILockHandle handle =
            await locks.LockAsync("k", new LockOptions { Ttl = s_minute, AutoRenew = true, RenewInterval = TimeSpan.FromMilliseconds(50) });
        await DropDocumentAsync();
        _time.Advance(TimeSpan.FromMilliseconds(1));
        AcquireReply next = await _others.AcquireAsync("k", _b);
        await Eventually.TrueAsync(() => handle.LostToken.IsCancellationRequested, "told that the lock is lost");
        // A renewal may have come between the roll-back and the next grant.
        Assert.True(handle.LostReason is LostReason.HeldByAnother or LostReason.Removed, $"{handle.LostReason}");
        Assert.True(next.FencingToken > handle.FencingToken);
        Assert.Equal(_b, await HolderAsync());
    }

    [Fact]
    public async Task Tokens_rise_when_the_counter_is_purged_in_the_millisecond_of_the_release()
    {
        await using var store = new MongoLockStore(_runner, _others.Settings with { FenceRetention = TimeSpan.Zero }, TimeProvider.System);
        long last = 0;
        for (int i = 0; i < 4; i++)
        {
            string id = TestStore.NewId();
            AcquireReply reply = await store.TryAcquireAsync(new AcquireRequest("k", id, "", s_minute), default);
            Assert.True(reply.FencingToken > last, $"{reply.FencingToken} after {last}");
            last = reply.FencingToken!.Value;
            Assert.Equal(StoreReply.Done, await store.TryReleaseAsync("k", id, default));
            // What the TTL monitor does: at once, and when it may.
            await PurgeAsync();
            if (i % 2 == 1) continue;
            _time.Advance(TimeSpan.FromMilliseconds(1));
            await PurgeAsync();
            Assert.Null(await _others.DocumentAsync("k"));
        }
    }

    [Fact]
    public async Task The_purge_leaves_a_lease_that_was_extended_and_takes_one_that_was_shortened()
    {
        await using var store = new MongoLockStore(_runner, _others.Settings with { FenceRetention = TimeSpan.Zero }, TimeProvider.System);
        await store.TryAcquireAsync(new AcquireRequest("k", _a, "", TimeSpan.FromSeconds(1)), default);
        Assert.Equal(StoreReply.Done, await store.TryExtendAsync("k", _a, TimeSpan.FromHours(1), default));
        _time.Advance(s_minute);
        await PurgeAsync();
        Assert.Equal(_a, await HolderAsync());
        Assert.Equal(StoreReply.Done, await store.TryExtendAsync("k", _a, TimeSpan.FromSeconds(1), default));
        _time.Advance(s_minute);
        await PurgeAsync();
        Assert.Null(await _others.DocumentAsync("k"));
    }

    [Fact]
    public async Task A_document_purged_between_two_duplicate_keys_is_made_anew()
    {
        await AcquireAsync(TestStore.NewId(), key: "warm");
        _runner.Plan.Enqueue(("findAndModify", async _ =>
        {
            await DropDocumentAsync();
            return new BsonDocument { { "ok", 0 }, { "code", MongoFaults.DuplicateKey }, { "errmsg", "E11000" } };
        }));
        await AcquireAsync(_a);
        Assert.Equal(_a, await HolderAsync());
    }

    private async Task<long> AcquireAsync(string id, TimeSpan? ttl = null, string key = "k")
    {
        AcquireReply reply = await _store.TryAcquireAsync(new AcquireRequest(key, id, "", ttl ?? s_minute), default);
        Assert.True(reply.IsGranted);
        return reply.FencingToken!.Value;
    }

    private async Task<string?> HolderAsync() => (await _others.Store.GetAsync("k", default))?.Id;

    private Task DropDocumentAsync() => DeleteAsync(new("_id", "k"));

    private Task PurgeAsync() =>
        DeleteAsync(new("purgeAt", new BsonDocument("$lte", new BsonDateTime(_time.GetUtcNow().ToUnixTimeMilliseconds()))));

    private Task DeleteAsync(BsonDocument filter) => _others.CommandAsync(new()
    {
        { "delete", _others.Settings.Collection },
        { "deletes", new BsonArray { new BsonDocument { { "q", filter }, { "limit", 0 } } } },
    });
}
