using Locking.Tests.Factory;

namespace Locking.Tests.Documentation;

/// <summary>The code and the configuration of README.md are what the tests run.</summary>
[Collection(nameof(LockConfigVariable))]
public sealed class ReadmePageTests
{
    private static readonly string Readme = Page.Read("README.md");

    [Fact]
    public async Task The_code_of_the_page_runs()
    {
        string order = "order";
        await RunAsync();
        Assert.Equal("order", order);

        async Task RunAsync()
        {
            // <program>
            await using ILock locks = Lock.Create(@namespace: "myApp");  // LOCK_CONFIG, or in-memory when it is not set
            await using ILockHandle handle = await locks.LockNsAsync("orders/42");
            await WriteAsync(order, handle.FencingToken, handle.LostToken);
            // </program>
            Assert.Equal("myApp:orders/42", handle.Key);

            // <more>
            await using var maybe = await locks.TryLockAsync("k");       // null: somebody else holds it. A fault is an exception, never null
            await using var soon = await locks.LockAsync("k2", new LockOptions { Ttl = TimeSpan.FromMinutes(1), WaitTimeout = TimeSpan.FromSeconds(5) });
            handle.ThrowIfLost();                                        // right even after a pause of the process
            await handle.ExtendAsync(TimeSpan.FromSeconds(30));          // a lease of your own making
            var outcome = await handle.UnlockAsync();                    // Released, AlreadyExpired, HeldByAnother or Unknown: the truth
            // </more>
            Assert.Equal(("k", "k2", UnlockOutcome.Released), (maybe?.Key, soon.Key, outcome));
        }

        static Task WriteAsync(string order, long? token, CancellationToken lost)
        {
            Assert.True(token > 0);
            Assert.False(lost.IsCancellationRequested, order);
            return Task.CompletedTask;
        }
    }

    [Fact]
    public void The_code_of_the_page_is_that_code_word_for_word() =>
        Assert.Equal(["using Locking;\n\n" + Snippet("program"), Snippet("more")], Page.Blocks(Readme, "csharp"));

    [Fact]
    public void The_configuration_of_the_page_is_one()
    {
        var line = Assert.Single(Readme.Split('\n'), static line => line.StartsWith("LOCK_CONFIG='", StringComparison.Ordinal));
        var config = LockConfig.Parse(line["LOCK_CONFIG='".Length..].TrimEnd('\''));
        Assert.Equal(("redis", 6379, "myApp"), (config.Type, config.Connection?.Port, config.Namespace));
    }

    private static string Snippet(string mark)
    {
        var lines = Page.Read("tests", "Lock.Tests", "Documentation", "ReadmePageTests.cs").Split('\n');
        var start = Array.FindIndex(lines, line => line.Trim() == $"// <{mark}>");
        var end = Array.FindIndex(lines, line => line.Trim() == $"// </{mark}>");
        var indent = lines[start].Length - lines[start].TrimStart().Length;
        return string.Concat(lines[(start + 1)..end].Select(line => line[indent..] + "\n"));
    }
}
