namespace Locking;

/// <summary><c>lock release</c>: gives a lock back, from anywhere.</summary>
internal static class ReleaseCommand
{
    private static readonly OptionSpec s_force = new("--force", null, null, "Take it away from whoever holds it. Its holder is told.");

    public static CommandSpec Spec { get; } = new()
    {
        Name = "release",
        Summary = "Give a lock back by its id, or take it away by force.",
        Usage = "KEY (--id ID | --force) [--ns NS]",
        Arguments = ["KEY"],
        RequiredArguments = 1,
        Options =
        [
            SharedOptions.Id, s_force, SharedOptions.Namespace,
            SharedOptions.Config, SharedOptions.Verbose, SharedOptions.Json, SharedOptions.Help,
        ],
        Description = """
            With --id only that grant is ended: a lock that ran out and went to somebody else stays theirs. With --force the lock is
            taken from whoever holds it; a command that lock run started under it is told to end.
            """,
        Examples =
        [
            "lock release deploy --id \"$id\"",
            "lock release deploy --force        its holder is gone for good, or must stop",
        ],
        ExitCodes =
        [
            "0     given back",
            "1     that id does not hold it (any more), or nobody does",
            "64    bad usage or configuration",
            "69    the backend is not reachable or does not answer",
        ],
        Run = Run,
    };

    private static int Run(ParsedArguments arguments)
    {
        string key = Configured.KeyOf(arguments);
        string? id = arguments.Value(SharedOptions.Id);
        bool force = arguments.Has(s_force);
        if (force == (id is not null))
            throw new UsageException("give either --id ID or --force.", arguments.Command);
        ILock locks = Configured.Read(arguments).Open();
        UnlockOutcome outcome = id is not null
            ? locks.UnlockAsync(key, id).AsTask().GetAwaiter().GetResult()
            : locks.ForceUnlockAsync(key).AsTask().GetAwaiter().GetResult() ? UnlockOutcome.Released : UnlockOutcome.AlreadyExpired;
        (string name, string text) = outcome switch
        {
            UnlockOutcome.Released => ("released", "released"),
            UnlockOutcome.AlreadyExpired => ("alreadyExpired", force ? "nobody holds it" : "that id does not hold it, nobody does"),
            UnlockOutcome.HeldByAnother => ("heldByAnother", "that id does not hold it, somebody else does"),
            _ => ("unknown", "the backend did not answer"),
        };
        if (arguments.Has(SharedOptions.Json))
        {
            Streams.Out(Json.Object(writer =>
            {
                writer.WriteString("key", key);
                writer.WriteBoolean("released", outcome == UnlockOutcome.Released);
                writer.WriteString("outcome", name);
            }));
        }
        else if (outcome != UnlockOutcome.Released)
        {
            Streams.Error($"'{Printable.Text(key)}': {text}.");
        }

        return outcome switch
        {
            UnlockOutcome.Released => ExitCode.Done,
            UnlockOutcome.Unknown => ExitCode.Unavailable,
            _ => ExitCode.Not,
        };
    }
}
