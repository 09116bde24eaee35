using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Locking.Conformance;
using Locking.Testing;
using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>Users of a server's list: the lines of the documentation suffice, and what is refused is named and changes no
/// outcome.</summary>
public sealed partial class RightsTests
{
    private const string Password = "PASSWORD";
    private static readonly RedisLockSettings s_prefixed = new() { KeyPrefix = "app:" };
    private static readonly TimeSpan s_never = TimeSpan.FromMinutes(10);

    /// <summary>The lines of docs/redis.md, by what they are for.</summary>
    public static TheoryData<string, string, string> Lines()
    {
        var data = new TheoryData<string, string, string>();
        foreach (string protocol in (string[])["resp2", "resp3"])
        {
            foreach (Match line in AclLine().Matches(File.ReadAllText(Path.Combine(Root(), "docs", "redis.md"))))
                data.Add(line.Groups["use"].Value, line.Groups["words"].Value, protocol);
        }

        return data;
    }

    [Fact]
    public void There_is_a_line_for_each_use() =>
        Assert.Equal(["lock", "list", "doctor", "quorum"], Lines().Select(static row => (string)row[0]).Distinct());

    [Theory]
    [MemberData(nameof(Lines))]
    public async Task The_documented_line_is_all_that_its_use_needs(string use, string words, string protocol)
    {
        await using RedisServer server = await RedisServer.StartAsync();
        Assert.Equal("OK", await server.CommandAsync(["ACL", .. words.Split(' ')]));
        foreach (string format in (string[])[LockFormats.Native, LockFormats.DistLock])
        {
            var logs = new Logs();
            RedisLockSettings settings = s_prefixed with { Format = format };
            await using RedisLockStore store = StoreAt(server, settings, protocol, logs);
            await LockAsync(fair => StoreAt(server, settings with { Fair = fair }, protocol, logs), server);
            if (use == "list")
            {
                await store.TryAcquireAsync(new AcquireRequest("listed-" + format, "id", "owner", s_never), CancellationToken.None);
                var keys = new List<string>();
                await foreach (LockInfo info in store.ListAsync("listed-" + format, CancellationToken.None))
                    keys.Add(info.Key);
                Assert.Equal(["listed-" + format], keys);
            }
            else if (use == "doctor")
            {
                IReadOnlyList<StoreFinding> findings = await ((IStoreDiagnostics)store).DiagnoseAsync();
                Assert.DoesNotContain(findings, static one => one.Code == "server-facts-hidden");
                DiagnosisTests.Find(findings, "no-persistence");
            }
            else if (use == "quorum")
            {
                var voter = new RedisVoter(store.AsNode());
                RedisLife life = await voter.ReadLifeAsync(CancellationToken.None);
                Assert.NotEqual(RedisLife.Unknown, life.RunId);
                await voter.AdmitAsync(life, TimeSpan.Zero, CancellationToken.None);
                life = await voter.DeclareAsync(s_never, TimeSpan.FromHours(1), CancellationToken.None);
                Assert.Equal((true, s_never), (life.Votes, life.Longest));
                await voter.PingAsync(CancellationToken.None);
                RedisVote vote = await AwaitedStep.VoteAsync(
                    voter, new AcquireRequest("voted-" + format, "id", "owner", s_never), life.Note, 1, TimeSpan.FromHours(1));
                Assert.Equal(RedisVoteKind.Granted, vote.Kind);
                Assert.True(await voter.RaiseAsync("voted-" + format, "id", vote.Token + 1, CancellationToken.None));
                await voter.WithdrawAsync("voted-" + format, "id", TimeSpan.FromHours(1), quietly: false, CancellationToken.None);
                Assert.Null(await store.GetAsync("voted-" + format, CancellationToken.None));
            }

            Assert.DoesNotContain(logs.Entries, static entry => entry.Level >= LogLevel.Warning);
        }

        // Nothing was tried that is not allowed but what the client does without.
        IOrderedEnumerable<string> denied =
            ((object?[])(await server.CommandAsync("ACL", "LOG"))!).Select(static entry => (string)((object?[])entry!)[7]!).Order();
        Assert.All(denied, static command =>
            Assert.Contains(command, (string[])["client|setinfo", "cluster|nodes", "cluster|slots", "config|get", "get"]));
    }

    [Theory]
    [InlineData("resetchannels")]
    [InlineData("-publish")]
    public async Task Publishing_that_is_refused_changes_no_outcome_and_is_said_once(string rights)
    {
        await using RedisServer server = await RedisServer.StartAsync();
        Assert.Equal("OK", await server.CommandAsync("ACL", "SETUSER", "default", rights));
        var logs = new Logs();
        await using RedisLockStore store = StoreAt(server, new RedisLockSettings(), "resp3", logs, user: false);
        await using var locks = new StoreLock(store, new LockOptions { RetryDelay = TimeSpan.FromMilliseconds(20) });
        var slow = new LockOptions { Ttl = s_never, PollInterval = s_never };
        for (int i = 0; i < 3; i++)
            Assert.Equal(UnlockOutcome.Released, await (await locks.LockAsync("k")).UnlockAsync());

        // Who waits asks now and then.
        await using var others = new StoreLock(StoreAt(server, new RedisLockSettings(), "resp3", logs, user: false));
        ILockHandle held = await others.LockAsync("k", slow);
        Task<ILockHandle> next = locks.LockAsync("k", slow).AsTask();
        Assert.Equal(UnlockOutcome.Released, await held.UnlockAsync());
        await using ILockHandle taken = await Eventually.DoneAsync(next, "the next holder");
        Assert.True(await others.ForceUnlockAsync("k"));
        Assert.False(await others.ForceUnlockAsync("k"));

        // Once for each of the two connections.
        var warnings = logs.Entries.Where(static entry => entry.Level == LogLevel.Warning
            && entry.Message.Contains("no notices", StringComparison.Ordinal)).ToList();
        Assert.InRange(warnings.Count, 1, 2);
        Assert.All(warnings, static warning => Assert.Contains("&lock:*", warning.Message, StringComparison.Ordinal));
        Assert.All(warnings, static warning => Assert.Contains("wait to poll", warning.Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("resp2")]
    [InlineData("resp3")]
    public async Task A_refused_subscription_names_the_way_out(string protocol)
    {
        await using RedisServer server = await RedisServer.StartAsync();
        Assert.Equal("OK", await server.CommandAsync("ACL", "SETUSER", "default", "-subscribe"));
        var logs = new Logs();
        await using (RedisLockStore store = StoreAt(server, new RedisLockSettings(), protocol, logs, user: false,
            new LockOptions { Wait = WaitMode.Notify }))
        {
            LockStoreException fault =
                await Assert.ThrowsAsync<LockStoreException>(async () => await store.WatchAsync("k", CancellationToken.None));
            Assert.Contains("set it to poll", fault.Message, StringComparison.Ordinal);
            Assert.False(fault.IsTransient);
        }

        await using RedisLockStore auto = StoreAt(server, new RedisLockSettings(), protocol, logs, user: false);
        await using IReleaseWatch watch = await auto.WatchAsync("k", CancellationToken.None);
        Assert.True(await watch.WaitAsync(s_never, CancellationToken.None));
        Assert.Contains(logs.Entries, static entry => entry.Message.Contains("wait to poll", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("~app:* &* +@all -set", "set")]
    [InlineData("~other:* &* +@all", "key")]
    [InlineData("~app:* &* +@all -eval -evalsha", "evalsha")]
    public async Task What_a_user_may_not_is_final_and_named(string rights, string says)
    {
        await using RedisServer server = await RedisServer.StartAsync();
        Assert.Equal("OK", await server.CommandAsync(["ACL", "SETUSER", "app", "on", $">{Password}", .. rights.Split(' ')]));
        await using RedisLockStore store = StoreAt(server, s_prefixed, "resp3", new Logs());
        LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(async () =>
            await store.TryAcquireAsync(new AcquireRequest("k", "id", "owner", s_never), CancellationToken.None));
        Assert.False(fault.IsTransient, fault.ToString());
        Assert.Contains("does not let this user", fault.Message, StringComparison.Ordinal);
        Assert.Contains("ACL line", fault.Message, StringComparison.Ordinal);
        if (says != "set")
            Assert.Contains(says, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_handshake_that_is_refused_is_named_and_final()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        Assert.Equal("OK", await server.CommandAsync("ACL", "SETUSER", "app", "on", $">{Password}", "~*", "&*", "+evalsha"));
        foreach (string protocol in (string[])["resp2", "resp3"])
        {
            await using RedisLockStore store = StoreAt(server, s_prefixed, protocol, new Logs());
            LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(async () =>
                await store.TryAcquireAsync(new AcquireRequest("k", "id", "owner", s_never), CancellationToken.None));
            Assert.False(fault.IsTransient, fault.ToString());
            Assert.Contains("PING, ECHO, CLIENT and INFO", fault.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(Password, fault.ToString(), StringComparison.Ordinal);
        }
    }

    /// <summary>Everything a lock does: taken, refused, extended, waited for in both lines, given up, released, forced.</summary>
    private static async Task LockAsync(Func<bool, RedisLockStore> newStore, RedisServer server)
    {
        foreach (bool fair in (bool[])[false, true])
        {
            var call = new LockOptions { Ttl = s_never, PollInterval = s_never };
            await using var locks = new StoreLock(newStore(fair));
            await using var others = new StoreLock(newStore(fair));
            ILockHandle held = await locks.LockAsync("k", call);
            Assert.Null(await others.TryLockAsync("k", call));
            Assert.Equal(held.Id, (await others.GetAsync("k"))!.Id);
            await held.ExtendAsync(s_never);
            Assert.Null(await others.TryLockAsync("k", call with { WaitTimeout = TimeSpan.FromMilliseconds(50) }));
            Task<ILockHandle> next = others.LockAsync("k", call).AsTask();
            await Eventually.TrueAsync(
                async () => next.IsFaulted ? throw next.Exception : (long)(await server.CommandAsync(
                    "EVAL", @"return #redis.call('keys', 'app:k\255l*') + #redis.call('keys', '*\255' .. ARGV[1])", "0", fair
                        ? "q" : "w"))! == 1, "in line");
            Assert.Equal(UnlockOutcome.Released, await held.UnlockAsync());
            ILockHandle taken = await Eventually.DoneAsync(next, "the next holder");
            Assert.True(await locks.ForceUnlockAsync("k"));
            await Eventually.TrueAsync(() => taken.LostToken.IsCancellationRequested, "the loss");
            Assert.Equal(LostReason.Forced, taken.LostReason);
            ILockHandle endless = await locks.LockAsync("endless", new LockOptions { Ttl = Timeout.InfiniteTimeSpan });
            await endless.ExtendAsync(Timeout.InfiniteTimeSpan);
            Assert.Equal(UnlockOutcome.Released, await endless.UnlockAsync());
        }
    }

    private static RedisLockStore StoreAt(
        RedisServer server, RedisLockSettings settings, string protocol, ILoggerFactory logs, bool user = true, LockOptions? options = null)
    {
        string text = $"{server.EndPoint},protocol={protocol}" + (user ? $",user=app,password={Password}" : "");
        return (RedisLockStore)new RedisLockProvider().CreateStore(
            settings with { Url = text }, options, LockProviderContext.Default with { LoggerFactory = logs });
    }

    private static string Root()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "Lock.sln")))
            directory = directory.Parent!;
        return directory.FullName;
    }

    [GeneratedRegex(@"^# (?<use>\w+)[^\n]*\nACL (?<words>SETUSER [^\n]+)$", RegexOptions.Multiline)]
    private static partial Regex AclLine();

    private sealed class Logs : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<(LogLevel Level, string Message)> Entries { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?,
            string> formatter) =>
            Entries.Enqueue((logLevel, formatter(state, exception)));
    }
}
