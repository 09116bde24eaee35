using StackExchange.Redis;

namespace Locking.Testing;

/// <summary>What is compiled against one version of the Redis client runs with the others: nothing is used that one of them lacks.</summary>
public sealed class ClientVersionsTests
{
    /// <remarks>The list was checked against the assemblies of 1.2.6, 2.1.30, 2.13.23 and 3.1.31. A new member is looked up there before it is added.</remarks>
    [Fact]
    public void A_build_with_the_oldest_version_uses_only_members_that_the_others_have_too()
    {
        var listed = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Client", "members.txt"));
        Assert.NotEmpty(listed);
        // A build with a newer version prefers overloads that the oldest lacks; it is what an application with that version makes.
        if (BuiltWith.Major == 1)
            Assert.Equal(listed, Used());
    }

    [Fact]
    public void The_client_that_runs_has_every_member_that_was_compiled_in()
    {
        var has = MemberNames.Of(typeof(ConnectionMultiplexer).Assembly.Location).ToHashSet(StringComparer.Ordinal);
        Assert.All(Used(), member => Assert.Contains(member, has));
    }

    private static Version BuiltWith =>
        typeof(RedisLockStore).Assembly.GetReferencedAssemblies().Single(static one => one.Name == "StackExchange.Redis").Version!;

    private static IEnumerable<string> Used() =>
        new[] { typeof(RedisLockStore), typeof(RedLockLockStore) }
            .SelectMany(static type => MemberNames.UsedBy(type.Assembly.Location, "StackExchange.Redis")).Distinct().Order(StringComparer.Ordinal);
}
