using System.Globalization;
using System.Text;
using Locking.Conformance;
using Locking.Testing;
using Microsoft.Extensions.Time.Testing;

namespace Locking;

/// <summary>The record is made of a template on the server, and a release compares it whole where this process wrote it.</summary>
public sealed class WholeRecordTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    [Theory]
    [InlineData("machine/1")]
    [InlineData("")]
    [InlineData("100 %")]
    [InlineData("%i %s %.0f %% %")]
    [InlineData("two words and\na line, 日本語")]
    public async Task The_record_is_the_id_the_token_and_the_owner_whatever_signs_they_have(string owner)
    {
        RedisLockStore store = NewStore();
        foreach (string? id in new[] { NewId(), "%50%%i-" + NewId() })
        {
            string key = NewKey();
            for (int i = 0; i < 4; i++)
            {
                var request = new AcquireRequest(key, id, owner, LongTtl);
                long token = (await store.TryAcquireAsync(request, CancellationToken.None)).FencingToken!.Value;
                Assert.Equal($"{id} {token} {owner}", await ValueAsync(key));
                Assert.Equal(token, (await store.TryAcquireAsync(request, CancellationToken.None)).FencingToken);
                Assert.Equal($"{id} {token} {owner}", await ValueAsync(key));
                string waiting = NewId();
                if (i == 2)
                    Assert.False((await AskAsync(store, key, waiting, queue: true)).IsGranted);
                Assert.Equal(StoreReply.Done, await ReleaseAsync(store, key, id));
                if (i == 2)
                    Assert.Equal(StoreReply.Done, await ReleaseAsync(store, key, waiting));
                Assert.Null(await ValueAsync(key));
            }
        }
    }

    [Fact]
    public async Task Where_a_C_long_has_32_bits_the_record_is_the_same()
    {
        string native = ScriptSet.NativeAcquire.Text;
        string narrow = native.Replace("string.format(ARGV[1], number)", "string.format(ARGV[1], number % 2147483648)",
            StringComparison.Ordinal);
        Assert.NotEqual(native, narrow);
        await NewStore().GetAsync("any", CancellationToken.None);
        (string key, string id) = (NewKey(), NewId());
        long last = 0L;
        for (int i = 0; i < 3; i++)
        {
            long token = (long)(await CommandAsync("EVAL", narrow, "2", key, key + "-counter", $"{id} %i tester", "60000", i == 0
                ? $"{ServerClock.Unknown}" : "1"))!;
            Assert.True(token > last && token is > 1_000_000_000_000_000 and < ServerClock.Unknown, $"{token} after {last}");
            Assert.Equal($"{id} {token} tester", await ValueAsync(key));
            await CommandAsync("DEL", key);
            last = token;
        }
    }

    [Fact]
    public async Task A_number_that_has_not_sixteen_digits_is_in_no_record()
    {
        (string key, string id) = (NewKey(), NewId());
        await CommandAsync("SET", key + "-counter", "41");
        long token = (long)(await CommandAsync("EVAL", ScriptSet.NativeAcquire.Text, "2", key, key + "-counter", $"{id} %i tester", "60000",
            "1"))!;
        Assert.Equal(16, token.ToString(CultureInfo.InvariantCulture).Length);
        Assert.Equal($"{id} {token} tester", await ValueAsync(key));
    }

    [Fact]
    public async Task A_token_that_was_given_before_tells_nothing_of_the_clock()
    {
        RedisLockStore store = NewStore();
        (string key, string id) = (NewKey(), NewId());
        await store.GetAsync(key, CancellationToken.None);
        long old = 1_500_000_000_000_000L;
        await CommandAsync("SET", key, $"{id} {old} tester", "PX", "60000");
        Assert.Equal(old, await TakeAsync(store, key, id));
        Assert.Equal(ServerClock.Unknown, store.Connection.Clock.FloorAt(store.Connection.Time.GetTimestamp()));
        await TakeAsync(store, NewKey(), NewId());
        Assert.NotEqual(ServerClock.Unknown, store.Connection.Clock.FloorAt(store.Connection.Time.GetTimestamp()));
    }

    [Fact]
    public async Task Who_waits_is_handed_the_lock_although_the_record_was_compared_whole()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using var store = (RedisLockStore)RedisFixture.StoreAt(server.Port);
        // Often enough that the cycles were quick once, whatever else the machine does.
        for (long steps = 0L; steps != 2;)
        {
            (string key, string holder, string next) = (NewKey(), NewId(), NewId());
            await QuickAsync(store, key, holder);
            Assert.False((await AskAsync(store, key, next, queue: true)).IsGranted);
            await server.CommandAsync("CONFIG", "RESETSTAT");
            Assert.Equal(StoreReply.Done, await ReleaseAsync(store, key, holder));
            steps = await StepsAsync(server);
            Assert.InRange(steps, 1, 2);
            Assert.Equal(next, await HolderAsync(server, key));
            // From now on it goes by the id.
            Assert.True((await AskAsync(store, key, next, queue: true)).IsGranted);
            Assert.Equal(StoreReply.Done, await ReleaseAsync(store, key, next));
            await QuickAsync(store, key, holder);
            await server.CommandAsync("CONFIG", "RESETSTAT");
            Assert.Equal(StoreReply.Done, await ReleaseAsync(store, key, holder));
            Assert.Equal(1, await StepsAsync(server));
        }
    }

    [Theory]
    [InlineData("SET {key} other", StoreReply.HeldByAnother)]
    [InlineData("SET {key} {id}", StoreReply.Done)]
    [InlineData("SET {key} {id}x", StoreReply.HeldByAnother)]
    [InlineData("APPEND {key} x", StoreReply.Done)]
    [InlineData("DEL {key}", StoreReply.NotHeld)]
    [InlineData("PEXPIRE {key} 0", StoreReply.NotHeld)]
    [InlineData("list", StoreReply.HeldByAnother)]
    [InlineData("another", StoreReply.HeldByAnother)]
    [InlineData("forced", StoreReply.NotHeld)]
    public async Task Whatever_became_of_the_record_is_left_to_the_release_by_id(string what, StoreReply expected)
    {
        RedisLockStore store = NewStore();
        // The first of the rounds go by the id, the others compare the record whole first.
        for (int round = 0; round < 4; round++)
        {
            (string key, string id, string other) = (NewKey(), NewId(), NewId());
            for (int i = 0; i < round; i++)
            {
                await TakeAsync(store, key, id);
                Assert.Equal(StoreReply.Done, await ReleaseAsync(store, key, id));
            }

            await TakeAsync(store, key, id);
            if (what == "list")
            {
                await CommandAsync("DEL", key);
                await CommandAsync("RPUSH", key, "x");
            }
            else if (what is "another" or "forced")
            {
                Assert.True(await store.ForceReleaseAsync(key, CancellationToken.None));
                if (what == "another")
                    await TakeAsync(store, key, other);
            }
            else
            {
                await CommandAsync(what.Replace("{key}", key, StringComparison.Ordinal).Replace("{id}", id, StringComparison.Ordinal)
                    .Split(' '));
            }

            object? before = await CommandAsync("EXISTS", key);
            Assert.Equal(expected, await ReleaseAsync(store, key, id));
            Assert.Equal(expected == StoreReply.HeldByAnother ? before : 0L, await CommandAsync("EXISTS", key));
            if (what == "another")
                Assert.Equal(other, await HolderAsync(Server, key));
        }
    }

    [Fact]
    public async Task A_release_or_a_grant_whose_answer_was_lost_is_found_out_by_asking_again()
    {
        await using var proxy = new RedisProxy(Server.Port);
        await using var store = (RedisLockStore)RedisFixture.StoreAt(proxy.Port, commandTimeout: TimeSpan.FromMilliseconds(500));
        (string key, string id) = (NewKey(), NewId());
        await Eventually.TrueAsync(async () =>
            await Record.ExceptionAsync(() => QuickAsync(store, key, id)) is null, "a quick cycle within the limit");
        proxy.SwallowAnswers();
        Assert.True((await Assert.ThrowsAsync<LockStoreException>(() => ReleaseAsync(store, key, id))).MayHaveBeenApplied);
        await Eventually.TrueAsync(async () => await HolderAsync(Server, key) is null, "the release");
        proxy.Mend();
        await Eventually.TrueAsync(
            async () => await AnswerAsync(() => ReleaseAsync(store, key, id)) is StoreReply.NotHeld, "the answer of the second release");

        string next = NewId();
        proxy.SwallowAnswers();
        Assert.True((await Assert.ThrowsAsync<LockStoreException>(() => TakeAsync(store, key, next))).MayHaveBeenApplied);
        await Eventually.TrueAsync(async () => await HolderAsync(Server, key) == next, "the grant");
        proxy.Mend();
        await Eventually.TrueAsync(async () => await AnswerAsync(async () => await TakeAsync(store, key, next)) is not null, "the answer");
        long token = await TakeAsync(store, key, next);
        Assert.Equal($"{next} {token} tester", await ValueAsync(key));
        Assert.Equal(StoreReply.Done, await ReleaseAsync(store, key, next));
        Assert.True(await TakeAsync(store, key, NewId()) > token);
    }

    [Fact]
    public void A_grant_is_noted_where_its_key_is_taken_again_soon_and_nobody_was_seen_to_wait()
    {
        var time = new FakeTimeProvider();
        var notes = new GrantNotes(new NoSteps(), time);
        Keep("k", "a");
        Assert.Null(notes.Take("k", "a"));
        time.Advance(GrantNotes.Quick);
        Keep("k", "b");
        Assert.Null(notes.Take("k", "b"));
        time.Advance(GrantNotes.Quick / 2);
        Keep("k", "c");
        Assert.Null(notes.Take("k", "b"));
        Assert.Null(notes.Take("another", "c"));
        GrantNote note = notes.Take("k", "c")!;
        Assert.Equal("c 1700000000000000 o", Encoding.UTF8.GetString((byte[])note.Release.Values[0]!));
        Assert.Null(notes.Take("k", "c"));

        // Somebody waited.
        Assert.Equal("by id", (string?)note.Make().Values[0]);
        for (int i = 0; i < 11; i++)
        {
            Keep("k", "d");
            Assert.Null(notes.Take("k", "d"));
            time.Advance(GrantNotes.Caution / 11.001);
        }

        time.Advance(GrantNotes.Caution / 1000);
        Keep("k", "e");
        Assert.NotNull(notes.Take("k", "e"));

        void Keep(string key, string id) => notes.Keep(
            new AcquireRequest(key, id, "o", LongTtl), key, RecordTemplate.Of(id, "o"), 1_700_000_000_000_000, time.GetTimestamp());
    }

    [Theory]
    [InlineData("id", "owner", 1_700_000_000_000_000, "id 1700000000000000 owner")]
    [InlineData("id", "", 9_007_199_254_740_991, "id 9007199254740991 ")]
    [InlineData("id", "owner", 999_999_999_999_999, null)]
    [InlineData("id", "o%ner", 1_700_000_000_000_000, null)]
    [InlineData("%i", "owner", 1_700_000_000_000_000, null)]
    public void A_template_is_filled_where_its_record_is_sure(string id, string owner, long token, string? record)
    {
        byte[]? filled = RecordTemplate.Fill(RecordTemplate.Of(id, owner), token);
        Assert.Equal(record, filled is null ? null : Encoding.UTF8.GetString(filled));
    }

    /// <summary>Holds a key that was taken and released just before.</summary>
    private static async Task QuickAsync(RedisLockStore store, string key, string id)
    {
        for (int i = 0; i < 2; i++)
        {
            await TakeAsync(store, key, id);
            await ReleaseAsync(store, key, id);
        }

        await TakeAsync(store, key, id);
    }

    private static async Task<T?> AnswerAsync<T>(Func<Task<T>> ask)
        where T : struct
    {
        try
        {
            return await ask();
        }
        catch (LockStoreException)
        {
            return null;
        }
    }

    /// <summary>How many scripts were called; one that the server does not know counts once.</summary>
    private static async Task<long> StepsAsync(RedisServer server) =>
        long.Parse(((string)(await server.CommandAsync("INFO", "commandstats"))!).Split("cmdstat_evalsha:calls=")[1]
            .Split(',')[0], CultureInfo.InvariantCulture);

    private async Task<string?> ValueAsync(string key) => await CommandAsync("GET", key) as string;

    private sealed class NoSteps : RecordSteps
    {
        public override StoreStepCall Acquire(AcquireRequest request, bool waits, long sentAt) => throw new NotSupportedException();

        public override StoreStepCall Extend(string key, string holderId, TimeSpan ttl) => throw new NotSupportedException();

        public override StoreStepCall Release(string key, string holderId) => new(ScriptSet.NativeRelease, [key], ["by id"]);

        public override StoreStepCall Force(string key) => throw new NotSupportedException();

        public override StoreStepCall Get(string key) => throw new NotSupportedException();
    }
}
