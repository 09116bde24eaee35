using System.Globalization;
using MongoDB.Bson;
using MongoDB.Driver;

namespace Locking;

/// <summary>The sample of an application that lends its client, as it is.</summary>
public sealed class LentClientSampleTests(MongoServer server) : IClassFixture<MongoServer>
{
    [Fact]
    public async Task It_books_under_one_lock_after_the_other()
    {
        string order = TestStore.NewId();
        string databaseName = "lock_sample_" + TestStore.NewId()[..8];
        using var client = new MongoClient(server.Uri);
        try
        {
            ChildProcess[] runs = [.. Enumerable.Range(0, 3)
                .Select(_ => ChildProcess.Start("Lock.Samples.LentMongoClient.dll", "", server.Uri, databaseName, order))];
            var tokens = new List<long>();
            foreach (ChildProcess run in runs)
            {
                await using ChildProcess running = run;
                (int code, string output, string error) = await running.EndAsync();
                Assert.True(code == 0, error);
                Assert.StartsWith($"booked {order} with token ", output, StringComparison.Ordinal);
                tokens.Add(long.Parse(output.Trim().Split(' ')[^1], CultureInfo.InvariantCulture));
            }

            Assert.Equal(3, tokens.Distinct().Count());
            IMongoDatabase database = client.GetDatabase(databaseName);
            BsonDocument booked = (
                await database.RunCommandAsync<BsonDocument>(
                new BsonDocument { { "find", "orders" }, { "filter", new BsonDocument("_id", order) } })).Batch().Single();
            Assert.Equal(3, booked["bookings"].ToInt32());
            Assert.Equal(tokens.Max(), booked["token"].ToInt64());
            // The locks are in the database that was lent, and given back.
            BsonDocument @lock = (
                await database.RunCommandAsync<BsonDocument>(
                new BsonDocument { { "find", "locks" }, { "filter", new BsonDocument("_id", $"orders/{order}") } })).Batch().Single();
            Assert.True(@lock["expiresAt"].IsBsonNull);
        }
        finally
        {
            await client.GetDatabase(databaseName).DropCollectionAsync("orders");
            await client.GetDatabase(databaseName).DropCollectionAsync("locks");
        }
    }
}
