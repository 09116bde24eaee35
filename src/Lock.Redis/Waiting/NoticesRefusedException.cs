namespace Locking;

/// <summary>This user, or what stands between, does not allow notices.</summary>
internal sealed class NoticesRefusedException(string message, Exception? inner) : Exception(message, inner);
