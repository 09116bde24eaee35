
namespace Locking;

/// <summary><c>lock show</c>: who holds a lock.</summary>
internal static class ShowCommand
{
    public static CommandSpec Spec { get; } = new()
    {
        Name = "show",
        Summary = "Show who holds a lock.",
        Usage = "KEY [--ns NS]",
        Arguments = ["KEY"],
        RequiredArguments = 1,
        Options = [SharedOptions.Namespace, SharedOptions.Config, SharedOptions.Verbose, SharedOptions.Json, SharedOptions.Help],
        Description = "Shows the holder of KEY: owner, id, fencing token, and what is left of the lease unless it is renewed.",
        Examples = ["lock show nightly-report", "lock show nightly-report --json | jq -r .owner"],
        ExitCodes =
        [
            "0     somebody holds it",
            "1     nobody holds it",
            "64    bad usage or configuration",
            "69    the backend is not reachable or does not answer",
        ],
        Run = Run,
    };

    private static int Run(ParsedArguments arguments)
    {
        string key = Configured.KeyOf(arguments);
        ILock locks = Configured.Read(arguments).Open();
        LockInfo? info = locks.GetAsync(key).AsTask().GetAwaiter().GetResult();
        if (arguments.Has(SharedOptions.Json))
        {
            Streams.Out(Json.Object(writer =>
            {
                writer.WriteString("key", key);
                writer.WriteBoolean("held", info is not null);
                if (info is not null)
                    writer.WriteInfo(info);
            }));
        }
        else if (info is null)
        {
            Streams.Error($"nobody holds '{Printable.Text(key)}'.");
        }
        else
        {
            Streams.Out($"""
                key        {Printable.Text(info.Key)}
                owner      {(info.Owner.Length == 0 ? "-" : Printable.Text(info.Owner))}
                id         {Printable.Text(info.Id)}
                token      {info.FencingToken?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "-"}
                remaining  {SpanText.Show(info.Remaining)}

                """);
        }

        return info is null ? ExitCode.Not : ExitCode.Done;
    }
}
