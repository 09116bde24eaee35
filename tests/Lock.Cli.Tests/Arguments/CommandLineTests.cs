namespace Locking.Cli.Tests.Arguments;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("-w", "5", "k")]
    [InlineData("-w5", "k")]
    [InlineData("--wait", "5", "k")]
    [InlineData("--wait=5", "k")]
    [InlineData("k", "--wait", "5")]
    public void Values_follow_glued_with_an_equals_sign_or_as_the_next_word(params string[] words)
    {
        OptionSpec option = RunCommand.Spec.Options.Single(static o => o.Name == "--wait");
        ParsedArguments parsed = CommandLine.Parse(RunCommand.Spec, [.. words, "--", "echo", "--wait", "9"]);
        Assert.Equal("5", parsed.Value(option));
        Assert.Equal("k", parsed.Argument(0));
        Assert.Equal(["echo", "--wait", "9"], parsed.Tail);
    }

    [Fact]
    public void A_key_may_begin_with_a_dash_after_two_dashes()
    {
        ParsedArguments parsed = CommandLine.Parse(ShowCommand.Spec, ["--json", "--", "-key"]);
        Assert.Equal("-key", parsed.Argument(0));
        Assert.True(parsed.Has(SharedOptions.Json));
    }

    [Fact]
    public void A_value_may_begin_with_a_dash() =>
        Assert.Equal("-x", CommandLine.Parse(ReleaseCommand.Spec, ["k", "--id", "-x"]).Value(SharedOptions.Id));
}
