using System.Globalization;

namespace Locking;

/// <summary><c>lock broker</c>: a broker in the foreground.</summary>
internal static class BrokerCommand
{
    private const string SecretVariable = "LOCK_BROKER_SECRET";

    private static readonly OptionSpec s_path = new("--path", null, "SOCKET",
        "The Unix socket. Its directory is made when missing, and must be closed to other users. Default: this user's own.");

    private static readonly OptionSpec s_host = new(
        "--host", null, "HOST", "Listen by TCP on this address or name. Default with --port: 127.0.0.1.");

    private static readonly OptionSpec s_port = new("--port", null, "PORT", "The TCP port, 0 for any free one. Default: 6970.");

    private static readonly OptionSpec s_idleExit = new("--idle-exit", null, "TIME",
        "End when there was no connection and no lock for so long. Default: never.");

    private static readonly OptionSpec s_secretFile = new("--secret-file", null, "FILE",
        "The file with the shared secret. Default: the environment variable LOCK_BROKER_SECRET. "
        + "Never on the command line, where others see it.");

    private static readonly OptionSpec s_insecure = new("--insecure", null, null, "Allow listening beyond this machine without a secret.");

    private static readonly OptionSpec s_launched = new("--launched", null, null,
        "Leave all that comes from the starter (session, directory, file mask, priority), and say nothing: "
        + "for a broker that was started because somebody needed one.");

    public static CommandSpec Spec { get; } = new()
    {
        Name = "broker",
        Summary = "Serve locks to this machine or a small network, in the foreground.",
        Usage = "[--path SOCKET | [--host HOST] [--port PORT]] [--idle-exit TIME] [--secret-file FILE] [--insecure] [--launched]",
        Options = [s_path, s_host, s_port, s_idleExit, s_secretFile, s_insecure, s_launched, SharedOptions.Json, SharedOptions.Help],
        Description = """
            Listens on a Unix socket (the default), by TCP, or both. Usually nobody has to start one: the other commands start this
            user's own when it is absent. TERM and INT end it; leases that live then stand, and a broker that follows holds them for
            whom they were granted to.
            """,
        Examples =
        [
            "lock broker                                       this user's own socket",
            "lock broker --port 6970                           this machine by TCP, for clients of live-mutex, too",
            "LOCK_BROKER_SECRET=... lock broker --host 0.0.0.0 --port 6970",
        ],
        ExitCodes =
        [
            "0     ended by TERM or INT, or idle for long enough",
            "1     another broker listens at that socket already",
            "64    bad usage",
            "69    it cannot listen there",
        ],
        Run = Run,
    };

    private static int Run(ParsedArguments arguments)
    {
        BrokerServerOptions options = Options(arguments);
        bool launched = arguments.Has(s_launched);
        if (launched)
            BrokerLauncher.Detach();
        using var signals = new SignalRelay();
        var server = new BrokerServer(options);
        if (!server.TryStart())
        {
            server.DisposeAsync().AsTask().GetAwaiter().GetResult();
            if (!launched)
                Streams.Error($"another broker listens at '{options.Path}' already.");
            return ExitCode.Not;
        }

        if (!launched)
            Announce(server, arguments.Has(SharedOptions.Json));
        ServeAsync(server, signals.Stopping).GetAwaiter().GetResult();
        return ExitCode.Done;
    }

    private static async Task ServeAsync(BrokerServer server, CancellationToken stopping)
    {
        await using (server.ConfigureAwait(false))
        {
            try
            {
                await server.Completion.WaitAsync(stopping).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // Told to end: closing is all that is left.
            }
        }
    }

    private static BrokerServerOptions Options(ParsedArguments arguments)
    {
        string? host = arguments.Value(s_host);
        if (arguments.Has(s_port))
            host ??= "127.0.0.1";
        var options = new BrokerServerOptions
        {
            Path = arguments.Value(s_path) is { Length: > 0 } path ? GivenText.FullPath(path) : arguments.Value(s_path)
                ?? (host is null ? BrokerPaths.DefaultSocket : null),
            Host = host,
            Port = arguments.Number(s_port, 0, 65535) ?? BrokerServerOptions.DefaultPort,
            Secret = Secret(arguments),
            Insecure = arguments.Has(s_insecure),
        };
        return arguments.Span(s_idleExit) is { } idle ? options with { IdleExit = idle } : options;
    }

    private static string? Secret(ParsedArguments arguments)
    {
        string? secret;
        if (arguments.Value(s_secretFile) is { } file)
        {
            try
            {
                secret = GivenText.File(file).TrimEnd('\r', '\n');
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                throw new UsageException($"--secret-file: '{file}' cannot be read: {exception.Message}", arguments.Command);
            }

            if (secret.Length == 0)
                throw new UsageException($"--secret-file: '{file}' is empty.", arguments.Command);
            return secret;
        }

        secret = GivenText.Variable(SecretVariable);
        return string.IsNullOrEmpty(secret) ? null : secret;
    }

    private static void Announce(BrokerServer server, bool json)
    {
        BrokerServerOptions options = server.Options;
        if (json)
        {
            Streams.Out(Json.Object(writer =>
            {
                writer.WriteString("event", "listening");
                writer.WriteString("path", options.Path);
                writer.WriteString("host", options.Host);
                if (options.Host is null)
                    writer.WriteNull("port");
                else
                    writer.WriteNumber("port", server.Port);
                writer.WriteNumber("pid", Environment.ProcessId);
                writer.WriteString("version", ProgramVersion.Text);
            }));
            return;
        }

        string? where = options.Host is null ? options.Path : $"{options.Host}:{server.Port.ToString(CultureInfo.InvariantCulture)}";
        if (options is { Host: not null, Path: not null })
            where = $"{options.Path} and {where}";
        Streams.Error($"the broker listens on {where} (pid {Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}).");
    }
}
