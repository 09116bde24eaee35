using Locking.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace Locking;

/// <summary>Votes and releases of several callers that go to a server in one request.</summary>
public sealed class SharedRequestTests : IAsyncLifetime
{
    private static readonly TimeSpan s_ttl = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan s_hour = TimeSpan.FromHours(1);

    private readonly List<Action> _scheduled = [];
    private RedisServer _server = null!;
    private RedisLockStore _store = null!;
    private RedisVoter _voter = null!;
    private string _note = "";
    private long _now = (DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    public async Task InitializeAsync()
    {
        _server = await RedisServer.StartAsync();
        var settings = new RedisLockSettings { Port = _server.Port, CommandTimeout = TimeSpan.FromMinutes(1) };
        _store = ((RedisLockStore)new RedisLockProvider().CreateStore(
            settings, null, new LockProviderContext(new StillTime(), NullLoggerFactory.Instance))).AsNode();
        // What waits is sent when the test says so.
        _voter = new RedisVoter(_store, _scheduled.Add);
        await _voter.AdmitAsync(await _voter.ReadLifeAsync(CancellationToken.None), TimeSpan.Zero, CancellationToken.None);
        _note = (await _voter.DeclareAsync(s_ttl, s_hour, CancellationToken.None)).Note;
        // The server's clock was seen.
        Assert.Equal(RedisVoteKind.Granted, (await AwaitedStep.VoteAsync(_voter, Request("warm", "warm"), _note, Now(), s_hour)).Kind);
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task They_are_done_in_their_order_and_answered_each()
    {
        AwaitedStep first, released, second, busy;
        long before = await CallsAsync();
        await using (await UnderWayAsync())
        {
            first = Vote("k", "a");
            released = Release(first);
            second = Vote("k", "b");
            busy = Vote("k", "c");
            Assert.Single(_scheduled);
            _scheduled[0]();
        }

        Assert.Equal(first.Paper!.Token, ReadVote(first, await first.Answer).Token);
        Assert.Equal(StoreReply.Done, _store.ReadTold(await released.Answer));
        RedisVote held = ReadVote(second, await second.Answer);
        Assert.True(held.Token > first.Paper.Token);
        RedisVote refused = ReadVote(busy, await busy.Answer);
        Assert.Equal((RedisVoteKind.Busy, "b", false), (refused.Kind, refused.HolderId, refused.IsStranger));
        // The two that were under way, and one for the four.
        Assert.Equal(before + 3, await CallsAsync());
        // Somebody waits: the end is told.
        AwaitedStep end = Release(second);
        Assert.Equal(StoreReply.Done, _store.ReadTold(await end.Answer));
        Assert.Equal(1, await CallsAsync("publish"));
    }

    [Fact]
    public async Task One_that_fails_leaves_the_others_as_they_are()
    {
        await _server.CommandAsync("EVAL", "return redis.call('hset', 'x\\255{x}\\255f', 'a', 'b')", "0");
        AwaitedStep one, failing, other;
        await using (await UnderWayAsync())
        {
            (one, failing, other) = (Vote("one", "a"), Vote("x", "a"), Vote("other", "a"));
            _scheduled[0]();
        }

        Assert.Equal(RedisVoteKind.Granted, ReadVote(one, await one.Answer).Kind);
        Assert.Equal(RedisVoteKind.Granted, ReadVote(other, await other.Answer).Kind);
        LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(() => failing.Answer);
        Assert.Contains("WRONGTYPE", fault.Message, StringComparison.Ordinal);
    }

    /// <summary>The server refuses a request whole when its user may not have one of the keys.</summary>
    [Fact]
    public async Task A_key_that_is_forbidden_is_refused_to_its_caller_alone()
    {
        Assert.Equal(
            "OK", await _server.CommandAsync("ACL", "SETUSER", "default", "resetkeys", "~lock*", "~under*", "~one*", "~other*", "~mine*"));
        AwaitedStep mine = Vote("mine", "a");
        Assert.Equal(RedisVoteKind.Granted, ReadVote(mine, await mine.Answer).Kind);
        AwaitedStep one, forbidden, released, other;
        await using (await UnderWayAsync())
        {
            (one, forbidden, released, other) = (Vote("one", "a"), Vote("x", "a"), Release(mine), Vote("other", "a"));
            _scheduled[0]();
        }

        LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(() => forbidden.Answer);
        Assert.False(fault.IsTransient);
        Assert.Equal(StoreReply.Done, _store.ReadTold(await released.Answer));
        Assert.Equal(RedisVoteKind.Granted, ReadVote(one, await one.Answer).Kind);
        Assert.Equal(RedisVoteKind.Granted, ReadVote(other, await other.Answer).Kind);
    }

    /// <summary>A vote that is under way for longer than fences are kept would be given with a token of before.</summary>
    [Fact]
    public async Task A_proposal_is_looked_at_where_fences_are_kept_for_less_than_a_request_may_take()
    {
        long looks = await CallsAsync("time");
        RedisVote vote = await AwaitedStep.VoteAsync(_voter, Request("k", "a"), _note, Now(), TimeSpan.FromSeconds(10));
        Assert.Equal(RedisVoteKind.Granted, vote.Kind);
        Assert.Equal(looks + 1, await CallsAsync("time"));
    }

    [Fact]
    public async Task Votes_under_different_notes_share_none()
    {
        long before = await CallsAsync();
        AwaitedStep known, unknown, again;
        await using (await UnderWayAsync())
        {
            known = Vote("one", "a");
            unknown = new AwaitedStep(_voter.Write(Request("two", "a"), Now(), s_hour), "0 another note");
            var queue = new NodeStepQueue(_store.Connection, _voter.Life, _store.Layout.Channel, _scheduled.Add);
            (AwaitedStep x, AwaitedStep y) = (New("x", "a"), New("y", "a"));
            queue.Add(x);
            queue.Add(y);
            known = New("one", "a");
            again = New("three", "a");
            queue.Add(known);
            queue.Add(unknown);
            queue.Add(again);
            queue.Flush();
        }

        Assert.Equal(RedisVoteKind.Granted, ReadVote(known, await known.Answer).Kind);
        Assert.Equal(RedisVoteKind.NotAdmitted, ReadVote(unknown, await unknown.Answer).Kind);
        Assert.Equal(RedisVoteKind.Granted, ReadVote(again, await again.Answer).Kind);
        Assert.Null(await _server.CommandAsync("GET", "two"));
        Assert.Equal(before + 7, await CallsAsync());
    }

    [Theory]
    [InlineData("withdrawn")]
    [InlineData("released by its id")]
    [InlineData("raised")]
    public async Task What_has_to_come_behind_a_vote_that_waits_comes_behind_it(string what)
    {
        AwaitedStep vote;
        Task behind;
        await using (await UnderWayAsync())
        {
            vote = Vote("k", "a");
            switch (what)
            {
                case "withdrawn":
                    behind = _voter.WithdrawAsync("k", "a", s_hour, quietly: false, CancellationToken.None);
                    break;
                case "released by its id":
                    var release = new AwaitedStep(vote.Paper!, null);
                    _voter.Release(release, "k", "a");
                    behind = release.Answer;
                    break;
                default:
                    behind = AssertRaisedAsync(vote.Paper!.Token + 5);
                    break;
            }
        }

        await behind;
        _scheduled.ForEach(static flush => flush());
        Assert.Equal(RedisVoteKind.Granted, ReadVote(vote, await vote.Answer).Kind);
        Assert.Equal(what == "raised" ? "a" : null, await _server.CommandAsync("GET", "k"));

        async Task AssertRaisedAsync(long token) => Assert.True(await _voter.RaiseAsync("k", "a", token, CancellationToken.None));
    }

    [Fact]
    public async Task A_proposal_is_looked_at_by_the_servers_clock_when_this_machines_clock_was_set()
    {
        long looks = await CallsAsync("time");
        RedisVote near = await AwaitedStep.VoteAsync(_voter, Request("near", "a"), _note, Now(), s_hour);
        Assert.Equal(looks, await CallsAsync("time"));
        Assert.Equal(RedisVoteKind.Granted, near.Kind);

        long ahead = Now() + (long)TimeSpan.FromMinutes(10).TotalMicroseconds;
        RedisVote far = await AwaitedStep.VoteAsync(_voter, Request("far", "a"), _note, ahead, s_hour);
        Assert.InRange(far.Token, near.Token, ahead - (long)TimeSpan.FromMinutes(5).TotalMicroseconds);
        Assert.Equal(looks + 1, await CallsAsync("time"));
    }

    [Fact]
    public async Task A_fence_that_is_as_high_as_the_proposal_makes_it_higher()
    {
        long token = Now();
        foreach (int _ in new[] { 0, 1 })
        {
            AwaitedStep vote = New("k", "a", token);
            _voter.Vote(vote, s_hour, CancellationToken.None);
            token = ReadVote(vote, await vote.Answer).Token;
            Assert.Equal(StoreReply.Done, _store.ReadTold(await Release(vote).Answer));
        }

        AwaitedStep again = New("k", "b", token);
        _voter.Vote(again, s_hour, CancellationToken.None);
        Assert.Equal(token + 1, ReadVote(again, await again.Answer).Token);
    }

    /// <summary>Higher each time, and as near as can be: no time passes.</summary>
    private long Now() => ++_now;

    private static AcquireRequest Request(string key, string id) => new(key, id, "tester", s_ttl);

    private AwaitedStep New(string key, string id, long? token = null) =>
        new(_voter.Write(Request(key, id), token ?? Now(), s_hour), _note);

    private AwaitedStep Vote(string key, string id)
    {
        AwaitedStep vote = New(key, id);
        _voter.Vote(vote, s_hour, CancellationToken.None);
        return vote;
    }

    private AwaitedStep Release(AwaitedStep vote)
    {
        var release = new AwaitedStep(vote.Paper!, null);
        _voter.Release(release);
        return release;
    }

    private RedisVote ReadVote(AwaitedStep vote, RedisResult answer) => _voter.Read(answer, vote.Paper!, _note);

    /// <summary>The server stands still with as many requests under way as there may be before others wait; it goes on at the
    /// end.</summary>
    private async Task<IAsyncDisposable> UnderWayAsync()
    {
        _server.Freeze();
        AwaitedStep[] underWay = [Vote("under way 1", "a"), Vote("under way 2", "a")];
        Assert.Empty(_scheduled);
        await Task.CompletedTask;
        return new Thaw(_server, underWay);
    }

    private async Task<long> CallsAsync(string command = "evalsha") =>
        ((string)(await _server.CommandAsync("INFO", "commandstats"))!).Split("\r\n")
        .Where(line => line.StartsWith($"cmdstat_{command}:", StringComparison.Ordinal))
        .Sum(static line => long.Parse(line.Split("calls=")[1].Split(',')[0], System.Globalization.CultureInfo.InvariantCulture));

    private sealed class Thaw(RedisServer server, AwaitedStep[] underWay) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            server.Thaw();
            foreach (AwaitedStep step in underWay)
                await step.Answer;
        }
    }

    /// <summary>What was seen of a clock is never too old.</summary>
    private sealed class StillTime : TimeProvider
    {
        public override long GetTimestamp() => 1;
    }
}
