using MongoDB.Bson;

namespace Locking;

/// <summary>Documents and indexes that cannot be ours: refused for good, by name, and left as they are.</summary>
public sealed class ForeignDocumentTests(MongoServer server) : IClassFixture<MongoServer>
{
    private readonly string _a = TestStore.NewId();

    public static TheoryData<string, string> NoLocks => new()
    {
        { "{ _id: 'k', colour: 'red' }", "it has no token" },
        { "{ _id: 'k', token: null }", "'token'" },
        { "{ _id: 'k', token: 'seven' }", "'token' is of type String" },
        { "{ _id: 'k', token: -1 }", "'token' is -1" },
        { "{ _id: 'k', token: Infinity }", "'token' is Infinity" },
        { "{ _id: 'k', token: NaN }", "'token' is NaN" },
        { "{ _id: 'k', token: NumberLong('9223372036854775807') }", "'token' is 9223372036854775807" },
        { "{ _id: 'k', token: NumberDecimal('1E+30') }", "'token'" },
        { "{ _id: 'k', token: [ 1, 2 ] }", "'token' is of type Array" },
        { "{ _id: 'k', token: NumberLong(5), change: 'often' }", "'change' is of type String" },
        { "{ _id: 'k', token: NumberLong(5), change: NaN }", "'change' is NaN" },
        { "{ _id: 'k', token: NumberLong(5), change: NumberLong('9223372036854775807') }", "'change'" },
        { "{ _id: 'k', token: NumberLong(5), change: [ 3 ] }", "'change' is of type Array" },
        { "{ _id: 'k', token: NumberLong(5), holder: 7 }", "'holder' is 7" },
        { "{ _id: 'k', token: NumberLong(5), holder: [ 'a' ] }", "'holder' is of type Array" },
        { "{ _id: 'k', token: NumberLong(5), owner: { name: 'x' } }", "'owner' is of type Document" },
        { "{ _id: 'k', token: NumberLong(5), expiresAt: 17 }", "'expiresAt' is 17" },
        { "{ _id: 'k', token: NumberLong(5), expiresAt: { $date: { $numberLong: '9223372036854775807' } } }", "'expiresAt'" },
        { "{ _id: 'k', token: NumberLong(5), purgeAt: 'soon' }", "'purgeAt' is of type String" },
    };

    [Theory]
    [MemberData(nameof(NoLocks))]
    public async Task A_document_that_cannot_be_a_lock_is_refused_for_good_and_left_as_it_is(string document, string problem)
    {
        await using var store = new TestStore(server.Uri);
        await store.InsertAsync(document);
        byte[] before = (await store.DocumentAsync("k")).ToBson();
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => store.AcquireAsync("k", _a).AsTask());
        Assert.False(exception.IsTransient);
        Assert.False(exception.MayHaveBeenApplied);
        Assert.Contains($"'k' in lock_tests.{store.Settings.Collection} is not a lock", exception.Message, StringComparison.Ordinal);
        Assert.Contains(problem, exception.Message, StringComparison.Ordinal);
        Assert.Null(await store.Store.GetAsync("k", default));
        Assert.False(await store.Store.ForceReleaseAsync("k", default));
        Assert.Equal(StoreReply.NotHeld, await store.ReleaseAsync("k", _a));
        Assert.Equal(before, (await store.DocumentAsync("k")).ToBson());
        Assert.Contains(await store.Store.DiagnoseAsync(), finding => finding.Code == "foreign-documents");
    }

    /// <summary>Numbers as the shell writes them, fields that are not there: such a document has been a lock, or may become one.</summary>
    [Theory]
    [InlineData("{ _id: 'k', token: 5 }")]
    [InlineData("{ _id: 'k', token: NumberDecimal('5'), holder: null, owner: null, expiresAt: null, purgeAt: null, change: null }")]
    [InlineData("{ _id: 'k', token: NumberLong(0), colour: 'red' }")]
    public async Task A_document_that_may_be_a_lock_is_taken(string document)
    {
        await using var store = new TestStore(server.Uri);
        await store.InsertAsync(document);
        AcquireReply reply = await store.AcquireAsync("k", _a);
        Assert.True(reply.IsGranted);
        Assert.True(reply.FencingToken > 5);
        Assert.Equal(StoreReply.Done, await store.ReleaseAsync("k", _a));
    }

    [Fact]
    public async Task A_unique_index_that_makes_locks_exclude_each_other_is_named_for_good()
    {
        await using var store = new TestStore(server.Uri);
        await store.AcquireAsync("k", _a, owner: "me");
        await store.CreateIndexAsync("one_owner", "owner", new("unique", true));
        LockStoreException exception =
            await Assert.ThrowsAsync<LockStoreException>(() => store.AcquireAsync("other", TestStore.NewId(), owner: "me").AsTask());
        Assert.False(exception.IsTransient);
        Assert.False(exception.MayHaveBeenApplied);
        Assert.Contains("unique index", exception.Message, StringComparison.Ordinal);
        Assert.Contains("owner", exception.Message, StringComparison.Ordinal);
        Assert.Contains("'other'", exception.Message, StringComparison.Ordinal);
        Assert.Null(await store.DocumentAsync("other"));
        // Who differs there goes on.
        Assert.True((await store.AcquireAsync("third", TestStore.NewId(), owner: "somebody else")).IsGranted);
    }

    /// <summary>A server that says which index has the duplicate is believed at once.</summary>
    [Fact]
    public async Task The_index_that_the_server_names_is_enough()
    {
        using DriverCommandRunner client = TestStore.RunnerOf(server.Gateway.Uri);
        int asked = 0;
        var runner = new ScriptedRunner(client, name =>
        {
            if (name != "findAndModify") return null;
            asked++;
            return BsonDocument.Parse("{ ok: 0, code: 11000, errmsg: 'E11000 duplicate key error', keyPattern: { owner: 1 }, keyValue: { "
                + "owner: 'me' } }");
        });
        var store = new MongoLockStore(runner, new MongoStoreSettings { Database = "lock_tests", Collection = server.SharedCollection },
            TimeProvider.System);
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(
            () => store.TryAcquireAsync(new AcquireRequest("k", _a, "me", TimeSpan.FromMinutes(1)), default).AsTask());
        Assert.False(exception.IsTransient);
        Assert.Contains("unique index on owner", exception.Message, StringComparison.Ordinal);
        Assert.Equal(1, asked);
    }
}
