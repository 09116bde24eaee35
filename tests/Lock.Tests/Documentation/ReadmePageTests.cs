using Locking.Tests.Factory;

namespace Locking.Tests.Documentation;

/// <summary>The code and the configuration of README.md are what the tests run.</summary>
[Collection(nameof(LockConfigVariable))]
public sealed class ReadmePageTests : IDisposable
{
    private static readonly string s_readme = Page.Read("README.md");

    private readonly string? _before = Environment.GetEnvironmentVariable("LOCK_CONFIG");

    public void Dispose() => Environment.SetEnvironmentVariable("LOCK_CONFIG", _before);

    [Fact]
    public async Task The_code_of_the_page_runs()
    {
        Environment.SetEnvironmentVariable("LOCK_CONFIG", """{"type":"inMemory"}""");
        string order = "order";
        await RunAsync();
        Assert.Equal("order", order);

        async Task RunAsync()
        {
            // <program>
            await using ILock locks = Lock.Create(@namespace: "myApp");  // as LOCK_CONFIG says; not set: an error that says how to choose
            await using ILockHandle handle = await locks.LockNsAsync("orders/42");
            await WriteAsync(order, handle.FencingToken, handle.LostToken);
            // </program>
            Assert.Equal("myApp:orders/42", handle.Key);

            // <more>
            await using ILockHandle? maybe = await locks.TryLockAsync("k");       // null: somebody else holds it. A fault is an exception
            await using ILockHandle soon = await locks.LockAsync("k2", TimeSpan.FromSeconds(5));  // a bare time is the wait
            await using ILockHandle brief = await locks.LockAsync("k3", new LockOptions { Ttl = TimeSpan.FromMinutes(1) });
            handle.ThrowIfLost();                                        // right even after a pause of the process
            await handle.ExtendAsync(TimeSpan.FromMinutes(5));           // the lease from now on
            UnlockOutcome outcome = await handle.UnlockAsync();          // Released, AlreadyExpired, HeldByAnother or Unknown: the truth
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
        Assert.Equal(
            ["using Locking;\n\n" + Snippet("program"), Snippet("older", "tests", "Lock.OlderCSharp.Tests", "PlainNamesTests.cs"),
                Snippet("more")],
            Page.Blocks(s_readme, "csharp"));

    [Fact]
    public void The_configurations_of_the_page_are_ones()
    {
        var lines = s_readme.Split('\n').Where(static line => line.StartsWith("LOCK_CONFIG='", StringComparison.Ordinal)).ToList();
        List<LockConfig> configs = lines.ConvertAll(static line => LockConfig.Parse(line.Split('\'')[1]));
        Assert.Equal<(string?, object?, string?)>(("inMemory", null, null),
            (configs[0].Type, configs[0].Connection?["port"], configs[0].Namespace));
        Assert.Equal<(string?, object?, string?)>(("redis", 6379, "myApp"),
            (configs[1].Type, configs[1].Connection?["port"], configs[1].Namespace));
        Assert.Equal(2, configs.Count);
    }

    private static string Snippet(string mark) => Snippet(mark, "tests", "Lock.Tests", "Documentation", "ReadmePageTests.cs");

    private static string Snippet(string mark, params string[] file)
    {
        string[] lines = Page.Read(file).Split('\n');
        int start = Array.FindIndex(lines, line => line.Trim() == $"// <{mark}>");
        int end = Array.FindIndex(lines, line => line.Trim() == $"// </{mark}>");
        int indent = lines[start].Length - lines[start].TrimStart().Length;
        return string.Concat(lines[(start + 1)..end].Select(line => line[indent..] + "\n"));
    }
}
