namespace Locking;

/// <summary><c>lock config</c>: what a configuration may say.</summary>
internal static class ConfigCommand
{
    private static readonly OptionSpec s_schema = new("--schema", null, null, "Print the JSON Schema of LOCK_CONFIG.");

    public static CommandSpec Spec { get; } = new()
    {
        Name = "config",
        Summary = "Print what a configuration may say.",
        Usage = "--schema",
        Options = [s_schema, SharedOptions.Help],
        Description =
            "Prints the JSON Schema of LOCK_CONFIG, with which an editor completes and checks a configuration while it is written.",
        Examples =
        [
            "lock config --schema > lock.schema.json     then \"$schema\" of the editor, or its setting for *.json",
        ],
        ExitCodes = ["0     done", "64    bad usage"],
        Run = Run,
    };

    private static int Run(ParsedArguments arguments)
    {
        if (!arguments.Has(s_schema))
            throw new UsageException("what to print is missing: --schema.", arguments.Command);
        Streams.Out(LockConfig.Schema() + "\n");
        return ExitCode.Done;
    }
}
