namespace Locking;

/// <summary>One command: its options, its arguments, its help, and what runs it.</summary>
internal sealed class CommandSpec
{
    public required string Name { get; init; }

    /// <summary>One line for the list of commands.</summary>
    public required string Summary { get; init; }

    /// <summary>What follows the name in the usage line.</summary>
    public required string Usage { get; init; }

    /// <summary>The names of its arguments, in order.</summary>
    public string[] Arguments { get; init; } = [];

    /// <summary>How many of the arguments must be there.</summary>
    public int RequiredArguments { get; init; }

    /// <summary>Whether a command line of somebody else follows after <c>--</c>.</summary>
    public bool TakesCommand { get; init; }

    public required OptionSpec[] Options { get; init; }

    /// <summary>Paragraphs that explain it.</summary>
    public required string Description { get; init; }

    /// <summary>Lines to try, each with its comment.</summary>
    public required string[] Examples { get; init; }

    /// <summary>The exit codes, as lines of the help.</summary>
    public required string[] ExitCodes { get; init; }

    /// <summary>Runs it.</summary>
    public required Func<ParsedArguments, int> Run { get; init; }
}
