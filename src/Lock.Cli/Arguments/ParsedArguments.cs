using System.Globalization;

namespace Locking;

/// <summary>A command line that fits its command.</summary>
internal sealed class ParsedArguments
{
    private readonly List<(OptionSpec Option, string? Value)> _options;
    private readonly List<string> _arguments;

    public ParsedArguments(CommandSpec command, List<(OptionSpec Option, string? Value)> options, List<string> arguments, string[] tail)
    {
        Command = command;
        _options = options;
        _arguments = arguments;
        Tail = tail;
    }

    public CommandSpec Command { get; }

    /// <summary>What stood after <c>--</c>, for a command that takes one.</summary>
    public string[] Tail { get; }

    public bool Has(OptionSpec option) => Find(option, out _);

    public string? Value(OptionSpec option) => Find(option, out var value) ? value : null;

    public string? Argument(int index) => index < _arguments.Count ? _arguments[index] : null;

    /// <summary>A span: <c>30s</c>, <c>200ms</c>, <c>1.5m</c>, a number of seconds.</summary>
    public TimeSpan? Span(OptionSpec option, bool allowZero = false, bool allowNever = false)
    {
        if (Value(option) is not { } text)
            return null;
        if (allowNever && string.Equals(text, "never", StringComparison.OrdinalIgnoreCase))
            return Timeout.InfiniteTimeSpan;
        if (SpanText.TryParse(text) is { } span && (span > TimeSpan.Zero || allowZero))
            return span;
        var least = allowZero ? "zero or more" : "more than zero";
        throw Bad(option, text, $"a time such as 30s, 200ms, 5m, 1h or a number of seconds, {least}{(allowNever ? ", or never" : "")}");
    }

    /// <summary>A whole number within a range.</summary>
    public int? Number(OptionSpec option, int least, int most)
    {
        if (Value(option) is not { } text)
            return null;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw Bad(option, text, $"a whole number from {least} to {most}");
    }

    public UsageException Bad(OptionSpec option, string value, string allowed) =>
        new($"{option.Name}: '{value}' is not allowed; it takes {allowed}.", Command);

    private bool Find(OptionSpec option, out string? value)
    {
        foreach (var (candidate, text) in _options)
        {
            if (ReferenceEquals(candidate, option))
            {
                value = text;
                return true;
            }
        }

        value = null;
        return false;
    }
}
