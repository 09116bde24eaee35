namespace Locking.Samples.FileStore;

/// <summary>The backend <c>file</c> for a <see cref="LockBuilder"/>.</summary>
public static class FileBuilderExtensions
{
    /// <summary>Takes locks in a directory of the local disk.</summary>
    public static LockBuilder UseFiles(this LockBuilder builder, Action<FileLockSettings> configure) =>
        builder.Use(new FileLockProvider(), configure);
}
