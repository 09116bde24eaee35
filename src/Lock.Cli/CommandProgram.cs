using System.Globalization;

namespace Locking;

/// <summary>The whole command: finds what is meant, runs it, and turns what went wrong into a line and an exit code.</summary>
internal static class CommandProgram
{
    public static int Run(string[] words)
    {
        try
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

            var command = CommandTable.Find(words[0]) ?? throw NoCommand(words[0]);
            return RunCommandLine(command, words);
        }
        catch (UsageException problem)
        {
            var name = problem.Command is { } command ? $"lock {command.Name}" : "lock";
            Streams.Error($"{Printable.Text(problem.Message)} See: {name} --help");
            return ExitCode.Usage;
        }
        catch (LockConfigException problem)
        {
            Streams.Error($"bad configuration: {problem.Message}");
            return ExitCode.Usage;
        }
        catch (ArgumentException problem)
        {
            Streams.Error(WithoutParameter(problem));
            return ExitCode.Usage;
        }
        catch (LockStoreException problem)
        {
            Streams.Error(problem.Message);
            return ExitCode.Unavailable;
        }
    }

    /// <summary>The message without the name of a parameter of ours, which says nothing to who typed a command.</summary>
    private static string WithoutParameter(ArgumentException problem)
    {
        var end = problem.ParamName is { } name ? problem.Message.LastIndexOf($" (Parameter '{name}')", StringComparison.Ordinal) : -1;
        return end > 0 ? problem.Message[..end] : problem.Message;
    }

    private static int RunCommandLine(CommandSpec command, string[] words)
    {
        var rest = words.AsSpan(1);
        foreach (var word in rest)
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
