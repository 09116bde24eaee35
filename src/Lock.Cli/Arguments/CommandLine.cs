namespace Locking;

/// <summary>Takes a command line apart by the table of commands.</summary>
internal static class CommandLine
{
    /// <summary>Reads the words of one command, its name already taken off.</summary>
    /// <exception cref="UsageException">The words do not fit the command.</exception>
    public static ParsedArguments Parse(CommandSpec command, ReadOnlySpan<string> words)
    {
        var options = new List<(OptionSpec, string?)>();
        var arguments = new List<string>();
        string[]? tail = null;
        for (int i = 0; i < words.Length; i++)
        {
            string word = words[i];
            if (word == "--")
            {
                tail = words[(i + 1)..].ToArray();
                break;
            }

            if (word.Length > 1 && word[0] == '-')
                ReadOption(command, words, ref i, options);
            else
                arguments.Add(word);
        }

        if (!command.TakesCommand && tail is not null)
        {
            arguments.AddRange(tail);
            tail = null;
        }

        CheckArguments(command, arguments, tail);
        return new ParsedArguments(command, options, arguments, tail ?? []);
    }

    private static void ReadOption(
        CommandSpec command, ReadOnlySpan<string> words, ref int at, List<(OptionSpec Option, string? Value)> options)
    {
        string word = words[at];
        string? value = null;
        int equals = word.IndexOf('=', StringComparison.Ordinal);
        if (equals > 0 && word.StartsWith("--", StringComparison.Ordinal))
            (word, value) = (word[..equals], word[(equals + 1)..]);
        OptionSpec? option = Find(command, word);
        if (option is null && word.Length > 2 && word[1] != '-' && Find(command, word[..2]) is { Value: not null } glued)
            (option, value) = (glued, word[2..]);
        if (option is null)
            throw new UsageException($"'{words[at]}' is no option of lock {command.Name}.{Suggestions.For(word, Names(command))}", command);
        if (option.Value is null && value is not null)
            throw new UsageException($"{option.Name} takes no value.", command);
        if (option.Value is not null && value is null)
        {
            if (at + 1 >= words.Length || words[at + 1] == "--")
                throw new UsageException($"{option.Name} needs a value: {option.Usage}.", command);
            value = words[++at];
        }

        foreach ((OptionSpec before, _) in options)
        {
            if (ReferenceEquals(before, option) && option.Value is not null)
                throw new UsageException($"{option.Name} is given twice.", command);
        }

        options.Add((option, value));
    }

    private static void CheckArguments(CommandSpec command, List<string> arguments, string[]? tail)
    {
        if (arguments.Count > command.Arguments.Length)
        {
            string hint = command.TakesCommand && tail is null ? " Put -- before the command: lock run KEY -- COMMAND." : "";
            throw new UsageException($"'{arguments[command.Arguments.Length]}' is one argument too many.{hint}", command);
        }

        if (arguments.Count < command.RequiredArguments)
            throw new UsageException($"{command.Arguments[arguments.Count]} is missing.", command);
        if (command.TakesCommand && tail is not { Length: > 0 })
            throw new UsageException("the command is missing: lock run KEY -- COMMAND [ARGUMENTS].", command);
    }

    private static OptionSpec? Find(CommandSpec command, string name)
    {
        foreach (OptionSpec option in command.Options)
        {
            if (option.IsNamed(name))
                return option;
        }

        return null;
    }

    private static List<string> Names(CommandSpec command)
    {
        var names = new List<string>();
        foreach (OptionSpec option in command.Options)
            names.Add(option.Name);
        return names;
    }
}
