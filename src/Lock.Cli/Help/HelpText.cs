using System.Text;

namespace Locking;

/// <summary>The help, made of the table of commands.</summary>
internal static class HelpText
{
    private const int NameWidth = 12;
    private const int OptionWidth = 26;
    private const int Column = 100;

    /// <summary>What <c>lock --help</c> shows.</summary>
    public static string Overview()
    {
        var text = new StringBuilder("""
            lock: run commands under a lock, and take, show and give back locks, from a shell or cron.

            Start here; nothing has to be installed or configured:
              lock run nightly-report -- ./report.sh

            Commands:

            """);
        foreach (CommandSpec command in CommandTable.All)
            text.Append("  ").Append(command.Name.PadRight(NameWidth)).Append(command.Summary).Append('\n');
        return text.Append("""

            Each has its own help: lock run --help. Also: lock --help, lock --version.

            Which backend: --config JSON or --config @FILE, else the environment variable LOCK_CONFIG, else this user's own broker on a
            Unix socket, which is started when absent. For example:
              LOCK_CONFIG='{"type":"redis","connection":{"host":"127.0.0.1","port":6379}}'

            """).ToString();
    }

    /// <summary>What <c>lock COMMAND --help</c> shows.</summary>
    public static string Of(CommandSpec command)
    {
        var text = new StringBuilder();
        text.Append("Usage: lock ").Append(command.Name).Append(' ').Append(command.Usage).Append("\n\n");
        text.Append(command.Description).Append("\n\nOptions:\n");
        foreach (OptionSpec option in command.Options)
            AppendOption(text, option);
        text.Append("\nExamples:\n");
        foreach (string example in command.Examples)
            text.Append("  ").Append(example).Append('\n');
        text.Append("\nExit codes:\n");
        foreach (string code in command.ExitCodes)
            text.Append("  ").Append(code).Append('\n');
        return text.ToString();
    }

    private static void AppendOption(StringBuilder text, OptionSpec option)
    {
        StringBuilder line = new StringBuilder("  ").Append(option.Usage.PadRight(OptionWidth - 4)).Append("  ");
        foreach (string word in option.Help.Split(' '))
        {
            if (line.Length + word.Length > Column)
            {
                text.Append(line.ToString().TrimEnd()).Append('\n');
                line.Clear().Append(' ', OptionWidth);
            }

            line.Append(word).Append(' ');
        }

        text.Append(line.ToString().TrimEnd()).Append('\n');
    }
}
