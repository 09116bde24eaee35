using System.Text.Json;

namespace Locking;

/// <summary>What LOCK_TEST_MONGODB does: the tests meet a server of another process, and its user, through the URI alone.</summary>
public sealed class MongoElsewhereTests(MongoServer here) : IClassFixture<MongoServer>
{
    [Theory]
    [InlineData("--user")]
    [InlineData("--replica-set rs0")]
    [InlineData("--user --replica-set rs0")]
    public async Task The_tests_server_is_the_one_that_the_variable_names(string arguments)
    {
        Assert.NotEmpty(here.Uri); // the engine runs before the other process looks for it
        await using ChildProcess process = ChildProcess.Start("Lock.Mongo.Gateway.dll", "", arguments.Split(' '));
        string uri = await process.ReadLineAsync();
        var server = new MongoServer(uri);
        await server.InitializeAsync();
        try
        {
            Assert.Equal(uri, server.Uri);
            await using (ILock locks = Lock.Create(Config(server)))
            {
                await using ILockHandle handle = await locks.LockAsync("k");
                Assert.True(await handle.TryExtendAsync(TimeSpan.FromMinutes(1)));
                await using ILock others = Lock.Create(Config(server));
                Assert.Equal(handle.Id, (await others.GetAsync("k"))!.Id);
                Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
            }

            // None of it went through this process.
            Assert.DoesNotContain("findAndModify", server.Gateway.Log);
            await using var direct = new TestStore(server.Uri);
            Assert.True((await direct.AcquireAsync("k", TestStore.NewId())).IsGranted);
        }
        finally
        {
            await server.DisposeAsync();
        }

        (int code, _, string error) = await process.EndAsync();
        Assert.True(code == 0, error);
    }

    private static string Config(MongoServer server) =>
        $$"""{"type":"mongo","connection":{"url":{{JsonSerializer.Serialize(server.Uri)}},"database":"lock_tests" """
        + $$""", "collection":"{{server.SharedCollection}}","connectTimeout":"30s","commandTimeout":"30s" } }""";
}
