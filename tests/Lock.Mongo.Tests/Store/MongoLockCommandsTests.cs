using MongoDB.Bson;

namespace Locking;

/// <summary>What is in every command that writes.</summary>
public sealed class MongoLockCommandsTests
{
    private static readonly TimeSpan s_ttl = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData("majority", 2000, 1500)]
    [InlineData("2", 100, 75)]
    [InlineData("1", -1, null)]
    public void Every_write_asks_for_the_write_concern_and_limits_the_wait_for_it(string writeConcern, int commandTimeout, int? wait)
    {
        MongoLockCommands commands =
            Commands(s => s with { WriteConcern = writeConcern, CommandTimeout = TimeSpan.FromMilliseconds(commandTimeout) });
        foreach (BsonDocument command in Writes(commands))
        {
            BsonDocument concern = command["writeConcern"].AsBsonDocument;
            Assert.Equal(writeConcern, concern["w"].ToString());
            Assert.Equal(wait, concern.TryGetValue("wtimeout", out BsonValue limit) ? limit.ToInt32() : null);
        }
    }

    [Fact]
    public void Every_write_is_for_one_key_and_for_locks_alone()
    {
        foreach (BsonDocument command in Writes(Commands(s => s with { KeyPrefix = "p:" })))
        {
            BsonDocument query = (command.TryGetValue("query", out BsonValue one) ? one : command["updates"][0]["q"]).AsBsonDocument;
            Assert.Equal("p:k", query["_id"].AsString);
            Assert.True(query.Contains("token"));
        }
    }

    [Fact]
    public void The_server_alone_decides_about_time()
    {
        // No date of ours is in any command, but the one that never comes.
        foreach (BsonDocument command in Writes(Commands(s => s))) Check(command);

        static void Check(BsonValue value)
        {
            if (value is BsonDocument document) Assert.All(document.Values, Check);
            else if (value is BsonArray array) Assert.All(array, Check);
            else if (value is BsonDateTime date) Assert.Equal(MongoLockCommands.Never, date.MillisecondsSinceEpoch);
        }
    }

    [Fact]
    public void Leases_of_different_length_are_not_mixed_up()
    {
        MongoLockCommands commands = Commands(s => s);
        byte[] first = Acquire(commands, s_ttl);
        byte[] other = Acquire(commands, TimeSpan.FromMinutes(1));
        Assert.NotEqual(first, other);
        Assert.Equal(first, Acquire(commands, s_ttl));
        Assert.Equal(other, Acquire(Commands(s => s), TimeSpan.FromMinutes(1)));
    }

    private static MongoLockCommands Commands(Func<MongoStoreSettings, MongoStoreSettings> change) => new(change(new MongoStoreSettings()));

    private static byte[] Acquire(MongoLockCommands commands, TimeSpan ttl) =>
        commands.Acquire(new AcquireRequest("k", "$id", "me", ttl), ttl).ToBson();

    private static BsonDocument[] Writes(MongoLockCommands commands)
    {
        var seen = new MongoLockDocument("k", "id", "me", 7, s_ttl, IsReleased: false, Change: 3);
        return
        [
            commands.Acquire(new AcquireRequest("k", "id", "me", s_ttl), s_ttl), commands.Extend("k", "id", s_ttl),
                commands.SetEnd("k", s_ttl, seen),
            commands.SetEnd("k", Timeout.InfiniteTimeSpan, seen), commands.Release("k", "id"), commands.ForceRelease("k", 7),
        ];
    }
}
