using Microsoft.Extensions.Time.Testing;
using MongoDB.Bson;

namespace Locking;

/// <summary>The line of those who wait, on a server clock that stands still until a test advances it: who is next, and what the dead
/// cost.</summary>
public sealed class MongoLineTests : IClassFixture<MongoServer>, IAsyncLifetime
{
    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_moment = TimeSpan.FromMilliseconds(1);
    private readonly FakeTimeProvider _time =
        new(DateTimeOffset.FromUnixTimeMilliseconds(MongoServer.LaterThanAnyPurge.ToUnixTimeMilliseconds()));
    private readonly MongoGateway _gateway;
    private readonly TestStore _store;
    private readonly AcquireRequest _a = Waiter("a");
    private readonly AcquireRequest _b = Waiter("b");
    private readonly AcquireRequest _c = Waiter("c");

    public MongoLineTests(MongoServer server)
    {
        _gateway = server.StartGateway();
        _gateway.Clock = _time;
        _store = new TestStore(_gateway.Uri);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await _gateway.DisposeAsync();
    }

    [Fact]
    public async Task A_release_makes_the_first_of_the_line_the_holder_and_nobody_comes_between()
    {
        long before = await GrantAsync(_a);
        await RefuseAsync(_b, _c);
        await GiveBackAsync(_a);
        Assert.False((await _store.AcquireAsync("k", TestStore.NewId())).IsGranted);
        await RefuseAsync(_c, Waiter("d"));
        LockInfo held = (await _store.Store.GetAsync("k", default))!;
        Assert.Equal((_b.HolderId, "b"), (held.Id, held.Owner));
        long token = await GrantAsync(_b);
        Assert.Equal(held.FencingToken, token);
        Assert.True(token > before);
        await GiveBackAsync(_b);
        Assert.True(await GrantAsync(_c) > token);
    }

    [Fact]
    public async Task Who_was_made_the_holder_has_its_whole_lease_from_its_question_on()
    {
        await GrantAsync(_a);
        await RefuseAsync(_b);
        await GiveBackAsync(_a);
        _time.Advance(MongoLine.ShortestClaim / 2);
        await GrantAsync(_b);
        Assert.Equal(s_minute, (await _store.Store.GetAsync("k", default))!.Remaining);
        Assert.Equal(_time.GetUtcNow() + s_minute + MongoStoreSettings.DefaultRetention + s_moment,
            (await DocumentAsync())["purgeAt"].ToUniversalTime());
    }

    [Fact]
    public async Task A_lease_that_is_shorter_than_a_claim_is_as_long_as_asked_for()
    {
        AcquireRequest brief = Waiter("brief", TimeSpan.FromMilliseconds(100));
        await GrantAsync(_a);
        await RefuseAsync(brief);
        await GiveBackAsync(_a);
        await GrantAsync(brief);
        Assert.Equal(brief.Ttl, (await _store.Store.GetAsync("k", default))!.Remaining);
    }

    [Fact]
    public async Task A_waiter_may_take_a_lock_without_expiry()
    {
        AcquireRequest endless = Waiter("endless", Timeout.InfiniteTimeSpan);
        await GrantAsync(_a);
        await RefuseAsync(endless, _b);
        await GiveBackAsync(_a);
        await GrantAsync(endless);
        _time.Advance(TimeSpan.FromDays(1000));
        await RefuseAsync(_b);
        await GiveBackAsync(endless);
        await GrantAsync(_b);
    }

    [Fact]
    public async Task A_first_that_died_costs_the_others_one_claim()
    {
        await GrantAsync(_a);
        await RefuseAsync(_b, _c);
        await GiveBackAsync(_a);
        _time.Advance(await LeftAsync() - s_moment);
        await RefuseAsync(_c);
        _time.Advance(s_moment);
        long token = await GrantAsync(_c);

        // It was not dead, only slow: it has lost its turn, and stands at the end.
        await RefuseAsync(Waiter("d"), _b);
        Assert.Equal(["d", "b"], await LineAsync());
        Assert.Equal(_c.HolderId, (await _store.Store.GetAsync("k", default))!.Id);
        Assert.Equal(token, await GrantAsync(_c));
    }

    [Fact]
    public async Task Those_that_died_together_cost_their_silence_and_one_claim_at_most()
    {
        await GrantAsync(_a);
        await RefuseAsync([.. Enumerable.Range(0, 20).Select(number => Waiter($"dead {number}"))]);
        await RefuseAsync(_b);
        await GiveBackAsync(_a);
        DateTimeOffset since = _time.GetUtcNow();
        do
            _time.Advance(TimeSpan.FromMilliseconds(100));
        while (!(await _store.Store.TryAcquireAsync(_b, default)).IsGranted);
        Assert.InRange(_time.GetUtcNow() - since, MongoLine.Silence, MongoLine.Silence + MongoLine.ShortestClaim);
    }

    [Fact]
    public async Task A_waiter_that_has_been_silent_is_made_nothing()
    {
        await GrantAsync(_a);
        await RefuseAsync(_b, _c);
        for (int second = 0; second < MongoLine.Silence.TotalSeconds; second++)
        {
            _time.Advance(TimeSpan.FromSeconds(1) + s_moment);
            await RefuseAsync(_c);
        }

        Assert.Equal(["c"], await LineAsync());
        await GiveBackAsync(_a);
        Assert.Equal(_c.HolderId, (await _store.Store.GetAsync("k", default))!.Id);
        await GrantAsync(_c);
    }

    [Fact]
    public async Task When_all_who_waited_are_dead_nothing_is_left_of_them()
    {
        await GrantAsync(_a);
        await RefuseAsync(_b, _c);
        _time.Advance(MongoLine.Silence);
        await GiveBackAsync(_a);
        Assert.False((await DocumentAsync()).Contains("line"));
        Assert.Null(await _store.Store.GetAsync("k", default));
        Assert.True((await _store.AcquireAsync("k", TestStore.NewId())).IsGranted);
    }

    [Fact]
    public async Task A_lease_that_ends_goes_to_the_first_whoever_asks()
    {
        AcquireRequest brief = Waiter("brief", TimeSpan.FromSeconds(1));
        await GrantAsync(brief);
        await RefuseAsync(_b, _c);
        _time.Advance(TimeSpan.FromSeconds(1));
        await RefuseAsync(_c);
        await GrantAsync(_b);
        Assert.Equal(StoreReply.HeldByAnother, await _store.Store.TryExtendAsync("k", brief.HolderId, s_minute, default));
    }

    [Fact]
    public async Task Who_gives_up_leaves_the_line_or_hands_on_what_it_was_given()
    {
        await GrantAsync(_a);
        await RefuseAsync(_b, _c);
        Assert.Equal(StoreReply.HeldByAnother, await _store.ReleaseAsync("k", _b.HolderId));
        Assert.Equal(["c"], await LineAsync());
        await RefuseAsync(_b);
        await GiveBackAsync(_a);
        await GiveBackAsync(_c);
        Assert.Equal(_b.HolderId, (await _store.Store.GetAsync("k", default))!.Id);
        await GiveBackAsync(_b);
        Assert.Null(await _store.Store.GetAsync("k", default));
        Assert.False((await DocumentAsync()).Contains("line"));
    }

    [Fact]
    public async Task Force_hands_the_lock_to_the_first()
    {
        long before = await GrantAsync(_a);
        await RefuseAsync(_b);
        Assert.True(await _store.Store.ForceReleaseAsync("k", default));
        Assert.Equal(StoreReply.HeldByAnother, await _store.Store.TryExtendAsync("k", _a.HolderId, s_minute, default));
        Assert.False((await _store.AcquireAsync("k", TestStore.NewId())).IsGranted);
        Assert.True(await GrantAsync(_b) > before);
    }

    [Fact]
    public async Task A_line_has_an_end_and_who_finds_no_place_asks_without_one()
    {
        await GrantAsync(_a);
        List<AcquireRequest> waiters = [.. Enumerable.Range(0, MongoLine.Most).Select(number => Waiter($"w{number}"))];
        foreach (AcquireRequest waiter in waiters)
            Assert.NotNull((await _store.Store.TryAcquireAsync(waiter, default)).AskAgainIn);
        AcquireReply late = await _store.Store.TryAcquireAsync(_b, default);
        Assert.False(late.IsGranted);
        Assert.Null(late.AskAgainIn);
        Assert.Equal(waiters.Select(waiter => waiter.Owner), await LineAsync());

        // One is served, and one of those without a place has one.
        await GiveBackAsync(_a);
        await GrantAsync(waiters[0]);
        Assert.NotNull((await _store.Store.TryAcquireAsync(_b, default)).AskAgainIn);
        Assert.Equal([.. waiters.Skip(1).Select(waiter => waiter.Owner), "b"], await LineAsync());
    }

    [Fact]
    public async Task A_waiter_that_asks_again_keeps_its_place_and_mostly_writes_nothing()
    {
        await GrantAsync(_a);
        await RefuseAsync(_b, _c);
        BsonDocument before = await DocumentAsync();
        _time.Advance(TimeSpan.FromMilliseconds(900));
        await RefuseAsync(_b, _c);
        Assert.Equal(before, await DocumentAsync());
        _time.Advance(TimeSpan.FromMilliseconds(101));
        await RefuseAsync(_c);
        BsonArray line = (await DocumentAsync())["line"].AsBsonArray;
        Assert.Equal(before["line"][0], line[0]);
        Assert.Equal(_time.GetUtcNow(), line[1]["seen"].ToUniversalTime());
    }

    [Fact]
    public async Task A_step_is_one_command_and_two_where_somebody_comes_to_wait_or_the_holder_cannot_know_of_it()
    {
        await GrantAsync(_a);
        Assert.Equal(["findAndModify"], await CommandsOfAsync(() => RefuseAsync(_a, granted: true)));
        Assert.Equal(["findAndModify", "findAndModify"], await CommandsOfAsync(() => RefuseAsync(_b)));
        await RefuseAsync(_c);
        Assert.Equal(["findAndModify"], await CommandsOfAsync(() => RefuseAsync(_b)));
        Assert.Equal(["update", "findAndModify"], await CommandsOfAsync(() => GiveBackAsync(_a)));
        Assert.Equal(["findAndModify"], await CommandsOfAsync(() => GrantAsync(_b)));
        Assert.Equal(["findAndModify"], await CommandsOfAsync(() => GiveBackAsync(_b)));
        await GrantAsync(_c);
        Assert.Equal(["update"], await CommandsOfAsync(() => GiveBackAsync(_c)));
        Assert.Equal(["findAndModify"], await CommandsOfAsync(() => GrantAsync(Waiter("alone"))));
    }

    [Fact]
    public async Task Where_the_document_went_the_waiter_takes_the_lock()
    {
        await GrantAsync(_a);
        await RefuseAsync(_b);
        await _store.CommandAsync(new()
        {
            { "delete", _store.Settings.Collection },
            { "deletes", new BsonArray { new BsonDocument { { "q", new BsonDocument("_id", "k") }, { "limit", 0 } } } },
        });
        await GrantAsync(_b);
        await GiveBackAsync(_b);
        Assert.False((await DocumentAsync()).Contains("line"));
    }

    /// <summary>A failover to a member whose clock is behind: entries of a time to come would never grow old.</summary>
    [Fact]
    public async Task A_clock_that_stepped_back_costs_places_and_nothing_else()
    {
        await GrantAsync(_a);
        await RefuseAsync(_b);
        _gateway.ClockOffset = -TimeSpan.FromMinutes(5);
        await RefuseAsync(_c);
        Assert.Equal(["c"], await LineAsync());
        await GiveBackAsync(_a);
        long token = await GrantAsync(_c);
        await RefuseAsync(_b);
        await GiveBackAsync(_c);
        Assert.True(await GrantAsync(_b) > token);
    }

    [Theory]
    [InlineData("17")]
    [InlineData("'b'")]
    [InlineData("{ id: 'b' }")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("[ 1, null, 'b', [ 2 ], { }, { id: 'x' }, { id: 7, owner: 'x', seen: NOW, claim: 500 } ]")]
    [InlineData("[ { id: 'x', owner: 7, seen: NOW, claim: 500 }, { id: 'x', owner: 'x', seen: 9, claim: 500 } ]")]
    [InlineData("[ { id: 'x', owner: 'x', seen: NOW }, { id: 'x', owner: 'x', seen: NOW, claim: 'x' } ]")]
    [InlineData("[ { id: 'x', owner: 'x', seen: NOW, claim: -1 }, { id: 'x', owner: 'x', seen: NOW, claim: 1e9 } ]")]
    public async Task What_is_no_waiter_is_passed_over(string line)
    {
        string now = $"ISODate('{_time.GetUtcNow():yyyy-MM-ddTHH:mm:ss.fffZ}')";
        await _store.InsertAsync($"{{ _id: 'k', token: NumberLong(5), line: {line.Replace("NOW", now, StringComparison.Ordinal)} }}");
        await GrantAsync(_a);
        await RefuseAsync(_b);
        Assert.Equal(["b"], await LineAsync());
        await GiveBackAsync(_a);
        await GrantAsync(_b);
        await GiveBackAsync(_b);
        Assert.False((await DocumentAsync()).Contains("line"));
    }

    [Theory]
    [InlineData("$$REMOVE", "$owner")]
    [InlineData("$holder", "$$ROOT")]
    public async Task Ids_and_owners_are_texts_whatever_they_look_like(string id, string owner)
    {
        AcquireRequest odd = new("k", id, owner, s_minute) { Queue = true };
        await GrantAsync(_a);
        await RefuseAsync(odd, _b);
        Assert.Equal([owner, "b"], await LineAsync());
        Assert.Equal(StoreReply.HeldByAnother, await _store.ReleaseAsync("k", id));
        await RefuseAsync(odd);
        await GiveBackAsync(_a);
        await GiveBackAsync(_b);
        await GrantAsync(odd);
        LockInfo held = (await _store.Store.GetAsync("k", default))!;
        Assert.Equal((id, owner), (held.Id, held.Owner));
        await GiveBackAsync(odd);
    }

    private static AcquireRequest Waiter(string owner, TimeSpan? ttl = null) =>
        new("k", TestStore.NewId(), owner, ttl ?? s_minute) { Queue = true };

    private async Task<long> GrantAsync(AcquireRequest request)
    {
        AcquireReply reply = await _store.Store.TryAcquireAsync(request, default);
        Assert.True(reply.IsGranted, $"{request.Owner} was refused");
        return reply.FencingToken!.Value;
    }

    private async Task RefuseAsync(params AcquireRequest[] requests)
    {
        foreach (AcquireRequest request in requests)
            await RefuseAsync(request, granted: false);
    }

    private async Task RefuseAsync(AcquireRequest request, bool granted)
    {
        AcquireReply reply = await _store.Store.TryAcquireAsync(request, default);
        Assert.True(reply.IsGranted == granted, $"{request.Owner}: {reply}");
    }

    private async Task GiveBackAsync(AcquireRequest request) =>
        Assert.Equal(StoreReply.Done, await _store.ReleaseAsync("k", request.HolderId));

    /// <summary>What is left of whatever holds the lock.</summary>
    private async Task<TimeSpan> LeftAsync() => (await DocumentAsync())["expiresAt"].ToUniversalTime() - _time.GetUtcNow().UtcDateTime;

    private async Task<BsonDocument> DocumentAsync() => (await _store.DocumentAsync("k"))!;

    private async Task<List<string>> LineAsync() =>
        [.. (await DocumentAsync())["line"].AsBsonArray.Select(entry => entry["owner"].AsString)];

    private async Task<List<string>> CommandsOfAsync(Func<Task> step)
    {
        _gateway.Log.Clear();
        await step();
        return [.. _gateway.Log];
    }
}
