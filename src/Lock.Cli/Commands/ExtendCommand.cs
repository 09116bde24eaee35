
namespace Locking;

/// <summary><c>lock extend</c>: restarts a lease.</summary>
internal static class ExtendCommand
{
    /// <summary>Unlike that of the commands that take a lock, it has no default.</summary>
    private static readonly OptionSpec Ttl = new(
        "--ttl", null, "TIME", "The lease from now on: 30s, 500ms, 5m, 1h or never. Needed, with its unit.");

    public static CommandSpec Spec { get; } = new()
    {
        Name = "extend",
        Summary = "Restart the ttl of a lock by its id.",
        Usage = "KEY --id ID --ttl TIME [--ns NS]",
        Arguments = ["KEY"],
        RequiredArguments = 1,
        Options =
        [
            SharedOptions.Id, Ttl, SharedOptions.Namespace,
            SharedOptions.Config, SharedOptions.Verbose, SharedOptions.Json, SharedOptions.Help,
        ],
        Description = "The lease then ends TIME from now. A lease that has run out cannot be extended, even when nobody took the lock.",
        Examples = ["lock extend deploy --id \"$id\" --ttl 10m || exit 1"],
        ExitCodes =
        [
            "0     extended",
            "1     that id does not hold it (any more); nothing has changed",
            "64    bad usage or configuration",
            "69    the backend is not reachable or does not answer",
        ],
        Run = Run,
    };

    private static int Run(ParsedArguments arguments)
    {
        string key = Configured.KeyOf(arguments);
        string id = arguments.Value(SharedOptions.Id) ?? throw new UsageException("--id ID is missing.", arguments.Command);
        TimeSpan ttl = arguments.Span(Ttl, allowNever: true) ?? throw new UsageException("--ttl TIME is missing.", arguments.Command);
        ILock locks = Configured.Read(arguments).Open();
        bool extended = locks.TryExtendAsync(key, id, ttl).AsTask().GetAwaiter().GetResult();
        if (arguments.Has(SharedOptions.Json))
        {
            Streams.Out(Json.Object(writer =>
            {
                writer.WriteString("key", key);
                writer.WriteBoolean("extended", extended);
                writer.WriteSpan("ttl", ttl);
            }));
        }
        else if (!extended)
        {
            Streams.Error($"'{Printable.Text(key)}': that id does not hold it.");
        }

        return extended ? ExitCode.Done : ExitCode.Not;
    }
}
