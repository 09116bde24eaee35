namespace Locking.Cli.Tests.Arguments;

/// <summary>Bytes that are no UTF-8: two of them must not become one lock, one secret or one place.</summary>
public sealed class GivenTextTests : IAsyncLifetime
{
    private readonly Sandbox _sandbox = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _sandbox.DisposeAsync();

    /// <summary><c>%</c> stands for the byte FF.</summary>
    [Theory]
    [InlineData("show a%b", @"the argument 'a\xffb' is not UTF-8")]
    [InlineData("run a%b -- true", @"'a\xffb'")]
    [InlineData("acquire -- a%b", @"'a\xffb'")]
    [InlineData("acquire k --ns é%", @"'é\xff'")]
    [InlineData("acquire k --ns=%", @"'--ns=\xff'")]
    [InlineData("acquire k --owner %", @"'\xff'")]
    [InlineData("release k --id %", @"'\xff'")]
    [InlineData("ls %", @"'\xff'")]
    [InlineData("ls --config @%", @"'@\xff'")]
    [InlineData("broker --path /tmp/%/s", @"'/tmp/\xff/s'")]
    [InlineData("broker --secret-file %", @"'\xff'")]
    [InlineData("run k -- ./%", @"'./\xff'")]
    public async Task An_argument_that_is_not_utf8_is_64(string words, string message)
    {
        CliResult result = await RunShellAsync($"""exec "$LOCK" $(printf '{words.Replace("%", @"\377", StringComparison.Ordinal)}')""");
        Assert.Equal((64, ""), (result.Code, result.Output));
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a\uFFFDb")]
    [InlineData("日本")]
    public async Task The_character_that_stands_for_unreadable_bytes_is_one_like_any_other(string owner)
    {
        Assert.Equal(0, (await _sandbox.RunAsync("acquire", "k\uFFFD", "--ttl", "10m", "--owner", owner)).Code);
        Assert.Contains($"k\uFFFD", (await _sandbox.RunAsync("ls")).Output, StringComparison.Ordinal);
        Assert.Equal(1, (await _sandbox.RunAsync("run", "-n", "k\uFFFD", "--", "true")).Code);
        Assert.Equal(0, (await _sandbox.RunAsync("run", "-n", "k", "--", "echo", "\uFFFD")).Code);
    }

    [Fact]
    public async Task A_configuration_or_secret_that_is_not_utf8_is_64_and_not_shown()
    {
        CliResult variable = await RunShellAsync("""LOCK_CONFIG=$(printf '{"type":"broker","namespace":"a\377"}') exec "$LOCK" ls""");
        Assert.Equal((64, ""), (variable.Code, variable.Output));
        Assert.Contains("LOCK_CONFIG is not UTF-8", variable.Error, StringComparison.Ordinal);

        CliResult secret = await RunShellAsync("""LOCK_BROKER_SECRET=$(printf 'sesame\377') exec "$LOCK" broker --path s""");
        Assert.Equal((64, ""), (secret.Code, secret.Output));
        Assert.Contains("LOCK_BROKER_SECRET is not UTF-8", secret.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("sesame", secret.Error, StringComparison.Ordinal);

        await File.WriteAllBytesAsync(_sandbox.PathOf("file"), [.. """{"type":"broker","namespace":"a"""u8, 0xff, .. "\"}"u8]);
        CliResult file = await _sandbox.RunAsync("ls", "--config", "@file");
        Assert.Equal((64, ""), (file.Code, file.Output));
        Assert.Contains("The file is not UTF-8. (In the file file.)", file.Error, StringComparison.Ordinal);
        CliResult secretFile = await _sandbox.RunAsync("broker", "--path", "s", "--secret-file", "file");
        Assert.Equal((64, ""), (secretFile.Code, secretFile.Output));
        Assert.Contains("--secret-file: 'file' cannot be read: It is not UTF-8.", secretFile.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_relative_path_in_a_directory_whose_name_is_not_utf8_is_64()
    {
        const string there = """d=$(printf 'd\377'); mkdir -p "$d" && cd "$d" || exit 9; """;
        CliResult broker = await RunShellAsync(there + """exec "$LOCK" broker --path b/s""");
        Assert.Equal((64, ""), (broker.Code, broker.Output));
        Assert.Contains("'b/s' is relative to the current directory, whose name is not UTF-8", broker.Error, StringComparison.Ordinal);
        CliResult client = await RunShellAsync(
            there + """LOCK_CONFIG='{"type":"broker","connection":{"path":"b/s"}}' exec "$LOCK" run k -- true""");
        Assert.Equal((64, ""), (client.Code, client.Output));
        Assert.Contains("'b/s' is relative", client.Error, StringComparison.Ordinal);

        // A whole path does not depend on where we are.
        Assert.Equal(new CliResult(0, "ran\n", ""), await RunShellAsync(there + """exec "$LOCK" run k -- echo ran"""));

        // .NET could not remove it.
        Assert.Equal(0, (await RunShellAsync("rm -r d?")).Code);
    }

    private async Task<CliResult> RunShellAsync(string script)
    {
        using CliProcess process = _sandbox.StartProgram("/bin/sh", "-c", $"LOCK={Published.Program}; {script}");
        process.CloseInput();
        return await process.ResultAsync();
    }
}
