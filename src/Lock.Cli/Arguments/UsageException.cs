namespace Locking;

/// <summary>The command line is wrong. The message names the option or argument, the value and what is allowed.</summary>
internal sealed class UsageException : Exception
{
    public UsageException(string message, CommandSpec? command = null)
        : base(message)
    {
        Command = command;
    }

    /// <summary>The command whose usage explains more; null for the command as a whole.</summary>
    public CommandSpec? Command { get; }
}
