using System.Globalization;

namespace Locking;

/// <summary><c>lock acquire</c>: takes a lock that outlives this process.</summary>
internal static class AcquireCommand
{
    private static readonly OptionSpec s_wait = new(
        "--wait", "-w", "TIME", "Wait at most so long, 10s or 500ms; 0 tries once. Default: as configured, for ever.");

    public static CommandSpec Spec { get; } = new()
    {
        Name = "acquire",
        Summary = "Take a lock and keep it after this command has ended.",
        Usage = "KEY [--ttl TIME] [--wait TIME] [--owner NAME] [--ns NS]",
        Arguments = ["KEY"],
        RequiredArguments = 1,
        Options =
        [
            SharedOptions.Ttl, s_wait, SharedOptions.Owner, SharedOptions.Namespace,
            SharedOptions.Config, SharedOptions.Verbose, SharedOptions.Json, SharedOptions.Help,
        ],
        Description = """
            Takes KEY and prints its id and its fencing token. Nobody renews it: it is held until its ttl has passed or somebody gives
            it back with lock release. Extend it in time with lock extend. Prefer lock run where one command does the work.
            """,
        Examples =
        [
            "read -r id token <<< \"$(lock acquire deploy --ttl 10m)\"",
            "lock acquire deploy --ttl 10m --wait 0 || echo busy",
            "lock acquire deploy --ttl 10m --owner \"$USER\" --json",
        ],
        ExitCodes =
        [
            "0     taken",
            "1     somebody else holds it",
            "64    bad usage or configuration",
            "69    the backend is not reachable or does not answer",
        ],
        Run = Run,
    };

    private static int Run(ParsedArguments arguments)
    {
        string key = Configured.KeyOf(arguments);
        var options = new LockOptions { AutoRenew = false, KeepOnDisconnect = true };
        if (arguments.Span(SharedOptions.Ttl, allowNever: true) is { } ttl)
            options = options with { Ttl = ttl };
        if (arguments.Span(s_wait, allowZero: true) is { } wait)
            options = options with { WaitTimeout = wait, RetryCount = wait == TimeSpan.Zero ? null : -1 };
        if (arguments.Value(SharedOptions.Owner) is { } owner)
            options = options with { Owner = owner };
        bool json = arguments.Has(SharedOptions.Json);

        Configured configured = Configured.Read(arguments);
        using var signals = new SignalRelay();
        ILock locks = configured.Open();
        try
        {
            ILockHandle handle = locks.LockAsync(key, options, signals.Stopping).AsTask().GetAwaiter().GetResult();
            Print(handle, json);
            return ExitCode.Done;
        }
        catch (LockTimeoutException)
        {
            if (json)
                Streams.Out(Json.Object(writer => WriteBusy(writer, key)));
            else
                Streams.Error($"'{Printable.Text(key)}' is held by somebody else.");
            return ExitCode.Not;
        }
        catch (OperationCanceledException) when (signals.Received != 0)
        {
            locks.DisposeAsync().AsTask().GetAwaiter().GetResult();
            return ExitCode.OfSignal(signals.Received);
        }
    }

    private static void WriteBusy(System.Text.Json.Utf8JsonWriter writer, string key)
    {
        writer.WriteString("key", key);
        writer.WriteBoolean("acquired", false);
    }

    private static void Print(ILockHandle handle, bool json)
    {
        if (!json)
        {
            Streams.Out($"{handle.Id} {handle.FencingToken?.ToString(CultureInfo.InvariantCulture) ?? "-"}\n");
            return;
        }

        Streams.Out(Json.Object(writer =>
        {
            writer.WriteString("key", handle.Key);
            writer.WriteBoolean("acquired", true);
            writer.WriteString("id", handle.Id);
            writer.WriteString("owner", handle.Owner);
            writer.WriteToken("fencingToken", handle.FencingToken);
            writer.WriteSpan("remaining", handle.Remaining);
        }));
    }
}
