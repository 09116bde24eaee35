namespace Locking.Cli.Tests.Commands;

public sealed class HelpTests : IAsyncLifetime
{
    private readonly Sandbox _sandbox = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _sandbox.DisposeAsync();

    [Fact]
    public void The_documentation_holds_the_help_of_every_command_word_for_word()
    {
        string document = File.ReadAllText(Path.Combine(Published.Root, "docs", "command.md"));
        foreach (CommandSpec command in CommandTable.All)
            Assert.Contains($"\n### lock {command.Name}\n\n```text\n{HelpText.Of(command)}```\n", document, StringComparison.Ordinal);
        IEnumerable<string> described = document.Split('\n').Where(
            static line => line.StartsWith("### lock ", StringComparison.Ordinal)).Select(static line => line[9..]);
        Assert.Equal(CommandTable.Names, described);
    }

    [Fact]
    public void Every_command_is_found_by_its_name()
    {
        foreach (CommandSpec command in CommandTable.All)
            Assert.Equal(command.Name, CommandTable.Find(command.Name)?.Name);
    }

    [Fact]
    public void Lines_of_the_help_fit_a_terminal()
    {
        IEnumerable<string> texts = CommandTable.All.Select(HelpText.Of).Append(HelpText.Overview());
        Assert.All(texts.SelectMany(static text => text.Split('\n')), static line => Assert.InRange(line.Length, 0, 130));
    }

    [Fact]
    public async Task Help_is_printed_wherever_it_is_asked_for()
    {
        CliResult overview = await _sandbox.RunAsync("--help");
        Assert.Equal(new CliResult(0, HelpText.Overview(), ""), overview);
        string run = HelpText.Of(RunCommand.Spec);
        Assert.Equal(run, (await _sandbox.RunAsync("run", "--help")).Output);
        Assert.Equal(run, (await _sandbox.RunAsync("help", "run")).Output);
        Assert.Equal(run, (await _sandbox.RunAsync("run", "-n", "k", "-h")).Output);
        Assert.Equal("--help\n", (await _sandbox.RunAsync("run", "k", "--", "sh", "-c", "echo \"$1\"", "sh", "--help")).Output);
        Assert.Matches("^lock [0-9]+\\.[0-9]+\\.[0-9]+\n$", (await _sandbox.RunAsync("--version")).Output);
    }

    [Fact]
    public async Task Bash_completes_commands_options_and_what_follows_two_dashes()
    {
        string script = _sandbox.PathOf("completion.bash");
        await File.WriteAllTextAsync(script, (await _sandbox.RunAsync("completion", "bash")).Output + """
            try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _lock; echo "${COMPREPLY[*]}"; }
            try lock re
            try lock run --gr
            try lock completion z
            try lock run k -- basenam
            """);
        using CliProcess bash = _sandbox.StartProgram("bash", "--norc", script);
        bash.CloseInput();
        CliResult result = await bash.ResultAsync();
        Assert.Equal(("", "release\n--grace\nzsh\nbasename\n"), (result.Error, string.Join('\n', result.Output.Split('\n').Select(First))));

        static string First(string line) => line.Split(' ')[0];
    }

    [Theory]
    [InlineData("zsh", "compdef _lock lock")]
    [InlineData("fish", "complete -c lock -n '__fish_seen_subcommand_from run' -s n -l no-wait")]
    public void Other_shells_have_their_scripts(string shell, string line)
    {
        string script = shell == "zsh" ? CompletionScript.Zsh() : CompletionScript.Fish();
        Assert.Contains(line, script, StringComparison.Ordinal);
        foreach (string command in CommandTable.Names)
            Assert.Contains(command, script, StringComparison.Ordinal);
    }
}
