namespace Locking.Peers;

/// <summary>A lock library over one or several Redis servers, as far as all of them have the same.</summary>
public interface IPeer : IAsyncDisposable
{
    /// <summary>Takes a lock, and keeps it by renewing it.</summary>
    /// <param name="name">Its name, as the library's own users give it.</param>
    /// <param name="expiry">How long it lasts without renewal.</param>
    /// <param name="wait">The longest wait; zero: one attempt.</param>
    /// <returns>What gives it back; null when it was not free in time.</returns>
    Task<IPeerHold?> TryTakeAsync(string name, TimeSpan expiry, TimeSpan wait);
}

/// <summary>A lock that is held.</summary>
public interface IPeerHold
{
    /// <summary>Whether the library has said that the lock is lost; null when it never says so.</summary>
    bool? IsLost { get; }

    /// <summary>Gives it back.</summary>
    Task ReleaseAsync();
}
