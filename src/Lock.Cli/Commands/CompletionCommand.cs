namespace Locking;

/// <summary><c>lock completion</c>: what makes a shell complete our command line.</summary>
internal static class CompletionCommand
{
    public static CommandSpec Spec { get; } = new()
    {
        Name = "completion",
        Summary = "Print the completion of a shell.",
        Usage = "(bash | zsh | fish)",
        Arguments = ["SHELL"],
        RequiredArguments = 1,
        Options = [SharedOptions.Help],
        Description = "Prints a script that makes the shell complete commands, options, and the command line after --.",
        Examples =
        [
            "eval \"$(lock completion bash)\"            in ~/.bashrc",
            "eval \"$(lock completion zsh)\"             in ~/.zshrc, after compinit",
            "lock completion fish > ~/.config/fish/completions/lock.fish",
        ],
        ExitCodes = ["0     done", "64    bad usage"],
        Run = Run,
    };

    private static int Run(ParsedArguments arguments)
    {
        string shell = arguments.Argument(0)!;
        Streams.Out(shell switch
        {
            "bash" => CompletionScript.Bash(),
            "zsh" => CompletionScript.Zsh(),
            "fish" => CompletionScript.Fish(),
            _ => throw new UsageException($"'{shell}' is no shell that is known here; it takes bash, zsh or fish.", arguments.Command),
        });
        return ExitCode.Done;
    }
}
