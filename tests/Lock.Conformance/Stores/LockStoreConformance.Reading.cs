namespace Locking.Conformance;

public abstract partial class LockStoreConformance
{
    [Fact]
    public async Task S14_Get_tells_who_holds_the_lock()
    {
        (string key, string id) = (NewKey(), NewId());
        Assert.Null(await Store.GetAsync(key, CancellationToken.None));
        AcquireReply reply = await AskAsync(Store, key, id, owner: "host-7/4711");
        LockInfo? info = await Store.GetAsync(key, CancellationToken.None);
        Assert.NotNull(info);
        Assert.Equal((key, id, reply.FencingToken), (info.Key, info.Id, info.FencingToken));
        Assert.Equal(Abilities.KeepsOwner ? "host-7/4711" : "", info.Owner);
        Assert.InRange(info.Remaining, LongTtl / 2, RoundedUp(LongTtl));
        await Store.TryReleaseAsync(key, id, CancellationToken.None);
        Assert.Null(await Store.GetAsync(key, CancellationToken.None));
    }

    [Fact]
    public async Task S14_Get_does_not_show_an_expired_lease()
    {
        string key = NewKey();
        await TakeAsync(Store, key, NewId(), ShortTtl);
        await OutliveAsync(ShortTtl);
        Assert.Null(await Store.GetAsync(key, CancellationToken.None));
    }

    [Fact]
    public async Task S15_List_tells_every_live_lease_whose_key_begins_with_the_prefix()
    {
        string root = NewKey() + "/";
        var expected = new Dictionary<string, LockInfo>(StringComparer.Ordinal);
        foreach (string? name in new[] { "a", "a/1", "a/2", "b", "A/3" })
        {
            (string key, string id) = (root + name, NewId());
            AcquireReply reply = await AskAsync(Store, key, id, owner: name);
            expected.Add(key, new LockInfo(key, id, Abilities.KeepsOwner ? name : "", reply.FencingToken, LongTtl));
        }

        await AssertListsAsync(root, "a", "a/1", "a/2", "b", "A/3");
        await AssertListsAsync(root + "a", "a", "a/1", "a/2");
        await AssertListsAsync(root + "a/", "a/1", "a/2");
        await AssertListsAsync(root + "a/2", "a/2");
        await AssertListsAsync(root + "c");
        List<LockInfo> everything = await ListAsync(Store, "");
        Assert.Superset(expected.Keys.ToHashSet(), everything.Select(info => info.Key).ToHashSet());

        async Task AssertListsAsync(string prefix, params string[] names)
        {
            List<LockInfo> listed = await ListAsync(Store, prefix);
            Assert.Equal(names.Select(name => root + name).Order(StringComparer.Ordinal),
                listed.Select(info => info.Key).Order(StringComparer.Ordinal));
            Assert.All(listed, info =>
            {
                Assert.Equal(expected[info.Key], info with { Remaining = LongTtl });
                Assert.InRange(info.Remaining, LongTtl / 2, RoundedUp(LongTtl));
            });
        }
    }

    [Fact]
    public async Task S15_List_shows_no_lease_that_has_ended()
    {
        string root = NewKey() + "/";
        string id = NewId();
        await TakeAsync(Store, root + "expired", NewId(), ShortTtl);
        await TakeAsync(Store, root + "released", id);
        await Store.TryReleaseAsync(root + "released", id, CancellationToken.None);
        await OutliveAsync(ShortTtl);
        Assert.Empty(await ListAsync(Store, root));
    }

    [Theory]
    [InlineData("*")]
    [InlineData("?")]
    [InlineData("[ab]")]
    [InlineData("\\")]
    [InlineData(".")]
    [InlineData("^")]
    [InlineData("%")]
    [InlineData("_")]
    [InlineData("{a}")]
    [InlineData("(")]
    public async Task S15_A_prefix_has_no_characters_with_a_meaning(string special)
    {
        string root = NewKey() + "/";
        await TakeAsync(Store, root + "a", NewId());
        await TakeAsync(Store, root + special + "b", NewId());
        Assert.Equal([root + special + "b"], (await ListAsync(Store, root + special)).Select(info => info.Key));
    }

    [Fact]
    public async Task S26_An_owner_is_any_text_of_up_to_256_bytes_and_is_never_compared()
    {
        foreach (string? owner in new[] { "", "a", "host/1 2\t3", "\"q\" 'r' {s} \\", "日本語 🔒", "line\nbreak", new string('x', 256),
            new string('é', 128) })
        {
            (string key, string id) = (NewKey(), NewId());
            await TakeAsync(Store, key, id, owner: owner);
            Assert.Equal(Abilities.KeepsOwner ? owner : "", (await Store.GetAsync(key, CancellationToken.None))!.Owner);
            Assert.False((await AskAsync(Store, key, NewId(), owner: owner)).IsGranted, "an equal owner is not the same holder");
        }
    }
}
