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

    public string? Value(OptionSpec option) => Find(option, out string? value) ? value : null;

    public string? Argument(int index) => index < _arguments.Count ? _arguments[index] : null;

    /// <summary>A span with its unit: <c>30s</c>, <c>200ms</c>, <c>1.5m</c>.</summary>
    /// <param name="option">The option.</param>
    /// <param name="allowZero">Whether it may be zero, which needs no unit.</param>
    /// <param name="allowNever">Whether it may be <c>never</c>.</param>
    /// <param name="bareSeconds">Whether a number without a unit is seconds, for an option whose name says so.</param>
    public TimeSpan? Span(OptionSpec option, bool allowZero = false, bool allowNever = false, bool bareSeconds = false)
    {
        if (Value(option) is not { } text)
            return null;
        if (allowNever && string.Equals(text, "never", StringComparison.OrdinalIgnoreCase))
            return Timeout.InfiniteTimeSpan;
        if (SpanText.TryParse(text, bareSeconds) is { } span && (span > TimeSpan.Zero || allowZero))
            return span;
        if (!bareSeconds && SpanText.IsBareNumber(text) && SpanText.TryParse(text) is null)
            throw new UsageException($"{option.Name}: '{text}' is not allowed: {text}s or {text}ms? A time needs its unit.", Command);
        string least = allowZero ? "zero or more" : "more than zero";
        string seconds = bareSeconds ? " or a number of seconds" : "";
        throw Bad(option, text, $"a time such as 30s, 200ms, 5m, 1h{seconds}, {least}{(allowNever ? ", or never" : "")}");
    }

    /// <summary>A whole number within a range.</summary>
    public int? Number(OptionSpec option, int least, int most)
    {
        if (Value(option) is not { } text)
            return null;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least && number <= most
            ? number
            : throw Bad(option, text, $"a whole number from {least} to {most}");
    }

    public UsageException Bad(OptionSpec option, string value, string allowed) =>
        new($"{option.Name}: '{value}' is not allowed; it takes {allowed}.", Command);

    private bool Find(OptionSpec option, out string? value)
    {
        foreach ((OptionSpec candidate, string? text) in _options)
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
