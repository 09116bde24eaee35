namespace Locking;

/// <summary>A setting is unknown, of the wrong type or out of range.</summary>
public sealed class LockConfigException : LockException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="path">The setting's path, such as <c>lockOptions.ttl</c>; empty for the configuration as a whole.</param>
    /// <param name="message">What is wrong, the value (never a secret), what is allowed, and a suggestion where there is one.</param>
    /// <param name="innerException">The cause, or null.</param>
    public LockConfigException(string path, string message, Exception? innerException = null)
        : base(path.Length == 0 ? message : $"{path}: {message}", innerException)
    {
        Path = path;
    }

    /// <summary>The setting's path.</summary>
    public string Path { get; }
}
