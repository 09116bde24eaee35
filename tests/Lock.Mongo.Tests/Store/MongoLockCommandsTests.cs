namespace Locking;

/// <summary>What is in every command that writes.</summary>
public sealed class MongoLockCommandsTests
{
    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData("majority", 2000, 1500)]
    [InlineData("2", 100, 75)]
    [InlineData("1", -1, null)]
    public void Every_write_asks_for_the_write_concern_and_limits_the_wait_for_it(string writeConcern, int commandTimeout, int? wait)
    {
        MongoLockCommands commands = Commands(s => s with { WriteConcern = writeConcern, CommandTimeout = TimeSpan.FromMilliseconds(commandTimeout) });
        foreach (ReadOnlyMemory<byte> command in Writes(commands))
        {
            Assert.True(BsonReader.TryFind(command.Span, "writeConcern"u8, out BsonElement concern));
            Assert.True(BsonReader.TryFind(concern.AsDocument(), "w"u8, out BsonElement w));
            Assert.Equal(writeConcern, w.Type == BsonType.String ? w.AsString() : $"{w.AsNumber()}");
            Assert.Equal(wait, BsonReader.TryFind(concern.AsDocument(), "wtimeout"u8, out BsonElement limit) ? (int)limit.AsNumber() : null);
        }
    }

    [Fact]
    public void Every_write_is_for_one_key_and_for_locks_alone()
    {
        foreach (ReadOnlyMemory<byte> command in Writes(Commands(s => s with { KeyPrefix = "p:" })))
        {
            BsonElement query = default;
            if (!BsonReader.TryFind(command.Span, "query"u8, out query))
            {
                Assert.True(BsonReader.TryFind(command.Span, "updates"u8, out BsonElement updates));
                Assert.True(BsonReader.TryFind(updates.AsDocument(), "0"u8, out BsonElement update));
                Assert.True(BsonReader.TryFind(update.AsDocument(), "q"u8, out query));
            }

            Assert.True(BsonReader.TryFind(query.AsDocument(), "_id"u8, out BsonElement id));
            Assert.Equal("p:k", id.AsString());
            Assert.True(BsonReader.TryFind(query.AsDocument(), "token"u8, out _));
        }
    }

    [Fact]
    public void The_server_alone_decides_about_time()
    {
        // No date of ours is in any command, but the one that never comes.
        foreach (ReadOnlyMemory<byte> command in Writes(Commands(s => s))) Check(command.Span);

        static void Check(ReadOnlySpan<byte> document)
        {
            var reader = new BsonReader(document);
            while (reader.Read())
            {
                if (reader.Current.Type is BsonType.Document or BsonType.Array) Check(reader.Current.AsDocument());
                else if (reader.Current.Type == BsonType.DateTime) Assert.Equal(MongoLockCommands.Never, reader.Current.AsDateTime());
            }
        }
    }

    [Fact]
    public void Leases_of_different_length_are_not_mixed_up()
    {
        MongoLockCommands commands = Commands(s => s);
        byte[] first = Acquire(commands, Ttl);
        byte[] other = Acquire(commands, TimeSpan.FromMinutes(1));
        Assert.NotEqual(first, other);
        Assert.Equal(first, Acquire(commands, Ttl));
        Assert.Equal(other, Acquire(Commands(s => s), TimeSpan.FromMinutes(1)));
    }

    private static MongoLockCommands Commands(Func<MongoStoreSettings, MongoStoreSettings> change) => new(change(new MongoStoreSettings()));

    private static byte[] Acquire(MongoLockCommands commands, TimeSpan ttl) => commands.Acquire(new AcquireRequest("k", "$id", "me", ttl), ttl).ToArray();

    private static ReadOnlyMemory<byte>[] Writes(MongoLockCommands commands)
    {
        var seen = new MongoLockDocument("k", "id", "me", 7, Ttl, IsReleased: false, Change: 3);
        return
        [
            commands.Acquire(new AcquireRequest("k", "id", "me", Ttl), Ttl), commands.Extend("k", "id", Ttl), commands.SetEnd("k", Ttl, seen),
            commands.SetEnd("k", Timeout.InfiniteTimeSpan, seen), commands.Release("k", "id"), commands.ForceRelease("k", 7),
        ];
    }
}
