namespace Locking;

/// <summary><c>lock run</c>: a command under a lock.</summary>
internal static class RunCommand
{
    private static readonly OptionSpec s_noWait = new(
        "--no-wait",
        "-n",
        null,
        "Do not wait: give up at once when somebody holds the lock. Silent, as with flock; --verbose says who holds it.");

    private static readonly OptionSpec s_wait = new(
        "--wait", "-w", "SECONDS", "Wait at most so many seconds, as with flock (30, 0.5), or a time with its unit (500ms, 5m).");

    private static readonly OptionSpec s_busyCode = new(
        "-E", null, "CODE", "The exit code when the lock was not acquired in time. Default: 1.");

    private static readonly OptionSpec s_grace = new("--grace", null, "TIME",
        "How long the command may take to end after its lock was lost, before it is killed. Default: 5s.");

    public static CommandSpec Spec { get; } = new()
    {
        Name = "run",
        Summary = "Run a command under a lock.",
        Usage = "[-n | -w SECONDS] [--ttl TIME] [-E CODE] [--ns NS] [--grace TIME] [--verbose] KEY -- COMMAND [ARGUMENT...]",
        Arguments = ["KEY"],
        RequiredArguments = 1,
        TakesCommand = true,
        Options =
        [
            s_noWait, s_wait, SharedOptions.Ttl, s_busyCode, SharedOptions.Namespace, s_grace,
            SharedOptions.Config, SharedOptions.Verbose, SharedOptions.Help,
        ],
        Description = """
            Waits until KEY is free, runs COMMAND, and gives the lock back when it has ended. The lease is renewed meanwhile.
            Everything that uses the same KEY and the same backend takes turns, first come first served.

            COMMAND has standard input, output and error, and gets the signals sent to lock (INT, TERM, HUP, QUIT, USR1, USR2,
            WINCH, CONT), with all that it has started in its process group. Its environment has LOCK_KEY, LOCK_ID,
            LOCK_FENCING_TOKEN (a number that rises with every grant of the key) and LOCK_OWNER.

            If the lock is lost, COMMAND gets TERM, and KILL after the grace. If lock itself is killed, COMMAND is killed, and only
            then the lock is free. A COMMAND that ignores TERM keeps running and keeps the lock; kill -9 of lock ends both.
            """,
        Examples =
        [
            "lock run nightly-report -- ./report.sh            wait for our turn, then run",
            "lock run -n backup -- backup.sh                   do nothing when a backup is running",
            "lock run -w 30 -E 75 deploy -- ./deploy.sh        give up after 30 s with exit code 75",
            "lock run counter -- sh -c 'echo $LOCK_FENCING_TOKEN >> log'",
        ],
        ExitCodes =
        [
            "N     what COMMAND gave; 128 + n when signal n ended it",
            "1     not acquired in time (-E chooses another)",
            "64    bad usage or configuration",
            "69    the backend is not reachable or does not answer",
            "75    the lock was lost while COMMAND ran",
            "126   COMMAND cannot be executed",
            "127   there is no such COMMAND",
        ],
        Run = Run,
    };

    private static int Run(ParsedArguments arguments)
    {
        int busyCode = arguments.Number(s_busyCode, 0, 255) ?? ExitCode.Not;
        TimeSpan grace = arguments.Span(s_grace, allowZero: true) ?? TimeSpan.FromSeconds(5);
        LockOptions options = Options(arguments);
        string key = Configured.KeyOf(arguments);
        Configured configured = Configured.Read(arguments);
        if (CommandFinder.Find(arguments.Tail[0], out string? path) is int missing and not ExitCode.Done)
            return RunSession.NotStarted(arguments.Tail[0], missing);

        using var signals = new SignalRelay();
        ILock locks = configured.Open();
        ILockHandle handle;
        try
        {
            handle = locks.LockAsync(key, options, signals.Stopping).AsTask().GetAwaiter().GetResult();
        }
        catch (LockTimeoutException)
        {
            // As flock does: cron sends mail for every word, and the exit code says it.
            if (arguments.Has(SharedOptions.Verbose))
                SayWhoHolds(locks, key);
            return busyCode;
        }
        catch (OperationCanceledException) when (signals.Received != 0)
        {
            // The request is taken back in the background: see that it is, before the process ends.
            locks.DisposeAsync().AsTask().GetAwaiter().GetResult();
            return ExitCode.OfSignal(signals.Received);
        }

        if (arguments.Has(SharedOptions.Verbose))
            Streams.Error(
                $"'{Printable.Text(key)}' was taken after {DurationText.Of(handle.AcquireDelay)}, as {Printable.Text(handle.Owner)}.");
        return new RunSession(configured, handle, grace).Run(arguments.Tail, path, signals);
    }

    private static void SayWhoHolds(ILock locks, string key)
    {
        string by = "somebody else";
        try
        {
            if (locks.GetAsync(key).AsTask().GetAwaiter().GetResult() is { } info)
                by = $"{(info.Owner.Length == 0 ? "an unnamed owner" : Printable.Text(info.Owner))}; {LeftOf(info)}";
        }
        catch (LockStoreException)
        {
            // That it is busy is known, and is what the exit code says.
        }

        Streams.Error($"'{Printable.Text(key)}' was not acquired: it is held by {by}.");
    }

    private static string LeftOf(LockInfo info) =>
        info.Remaining == Timeout.InfiniteTimeSpan
            ? "its lease never expires"
            : $"its lease has {SpanText.Show(info.Remaining)} left unless it is renewed";

    private static LockOptions Options(ParsedArguments arguments)
    {
        // The lock outlives our connection until its ttl, so that it is not free before the watcher has ended the command.
        var options = new LockOptions { AutoRenew = true, KeepOnDisconnect = true };
        if (arguments.Span(SharedOptions.Ttl, allowNever: true) is { } ttl)
            options = options with { Ttl = ttl };
        TimeSpan? wait = arguments.Span(s_wait, allowZero: true, bareSeconds: true);
        if (arguments.Has(s_noWait))
        {
            if (wait is not null)
                throw new UsageException("-n and -w exclude each other.", arguments.Command);
            return options with { WaitTimeout = TimeSpan.Zero };
        }

        // What is said here rules, whatever number of attempts is configured.
        return wait is null ? options : options with { WaitTimeout = wait, RetryCount = -1 };
    }
}
