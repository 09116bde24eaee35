namespace Locking;

/// <summary>The exit codes of the command. A command run under a lock gives its own.</summary>
internal static class ExitCode
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>Not done: busy, not held, nobody holds it.</summary>
    public const int Not = 1;

    /// <summary>Bad usage or a bad configuration.</summary>
    public const int Usage = 64;

    /// <summary>The backend was not reachable or did not answer.</summary>
    public const int Unavailable = 69;

    /// <summary>The lock was lost while the command ran.</summary>
    public const int Lost = 75;

    /// <summary>The command exists and cannot be executed.</summary>
    public const int NotExecutable = 126;

    /// <summary>The command does not exist.</summary>
    public const int NotFound = 127;

    /// <summary>What a process that a signal ended gives to a shell.</summary>
    public static int OfSignal(int signal) => 128 + signal;
}
