using System.Globalization;

namespace Locking;

/// <summary>The whole command: finds what is meant, runs it, and turns what went wrong into a line and an exit code.</summary>
internal static class CommandProgram
{
    public static int Run(string[] words)
    {
        try
        {
            return RunWords(words);
        }
        catch (UsageException exception)
        {
            string name = exception.Command is { } command ? $"lock {command.Name}" : "lock";
            Streams.Error($"{Printable.Text(exception.Message)} See: {name} --help");
            return ExitCode.Usage;
        }
        catch (LockConfigException exception)
        {
            Streams.Error($"bad configuration: {exception.Message}");
            return ExitCode.Usage;
        }
        catch (ArgumentException exception)
        {
            Streams.Error(WithoutParameter(exception));
            return ExitCode.Usage;
        }
        catch (LockStoreException exception)
        {
            Streams.Error(exception.Message);
            return ExitCode.Unavailable;
        }
    }

    private static int RunWords(string[] words)
    {
        if (words.Length == 0)
        {
            Streams.Error($"a command is missing.\n\n{HelpText.Overview()}");
            return ExitCode.Usage;
        }

        if (words[0] is "--help" or "-h" or "help")
            return Help(words);
        if (words[0] == "--version")
        {
            Streams.Out($"lock {ProgramVersion.Text}\n");
            return ExitCode.Done;
        }

        CommandSpec command = CommandTable.Find(words[0]) ?? throw NoCommand(words[0]);
        return RunCommandLine(command, words);
    }

    /// <summary>The message without the name of a parameter of ours, which says nothing to who typed a command.</summary>
    private static string WithoutParameter(ArgumentException exception)
    {
        int end = exception.ParamName is { } name ? exception.Message.LastIndexOf($" (Parameter '{name}')", StringComparison.Ordinal) : -1;
        return end > 0 ? exception.Message[..end] : exception.Message;
    }

    private static int RunCommandLine(CommandSpec command, string[] words)
    {
        Span<string> rest = words.AsSpan(1);
        foreach (string? word in rest)
        {
            if (word == "--")
                break;
            if (SharedOptions.Help.IsNamed(word))
            {
                Streams.Out(HelpText.Of(command));
                return ExitCode.Done;
            }
        }

        GivenText.Check(command, words);
        if (!OperatingSystem.IsWindows())
            Signals.WaitForChildren();
        return command.Run(CommandLine.Parse(command, rest));
    }

    private static int Help(string[] words)
    {
        if (words.Length < 2)
        {
            Streams.Out(HelpText.Overview());
            return ExitCode.Done;
        }

        Streams.Out(HelpText.Of(CommandTable.Find(words[1]) ?? throw NoCommand(words[1])));
        return ExitCode.Done;
    }

    private static UsageException NoCommand(string word) => word.StartsWith('-')
        ? new UsageException($"'{word}' comes before the command: options follow it, as in lock ls --config @lock.json.")
        : new UsageException($"'{word}' is no command.{Suggestions.For(word, CommandTable.Names)}");
}
