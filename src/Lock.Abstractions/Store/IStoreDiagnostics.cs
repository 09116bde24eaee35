namespace Locking.Providers;

/// <summary>Optional ability of a store: looks at its backend and says what is unsafe about it, for people. <see cref="ILock"/> objects
/// over a store have it too.</summary>
public interface IStoreDiagnostics
{
    /// <summary>Examines the backend as it is configured and running now. Changes nothing there.</summary>
    /// <param name="cancellationToken">Gives up; nothing is left behind.</param>
    /// <returns>What was found, most important first; empty when there is nothing to say.</returns>
    /// <exception cref="LockStoreException">The backend failed or did not answer.</exception>
    ValueTask<IReadOnlyList<StoreFinding>> DiagnoseAsync(CancellationToken cancellationToken = default);
}

/// <summary>One thing that was found out about a backend.</summary>
/// <param name="Code">What it is, for programs: lower-case words with dashes, such as <c>open-network</c>. Never changes its
/// meaning.</param>
/// <param name="IsWarning">True: locks may be lost, taken by others or granted twice because of it. False: good to know.</param>
/// <param name="Text">One or more sentences in plain words: what it is, what may happen, what to do. Holds no secret.</param>
public sealed record StoreFinding(string Code, bool IsWarning, string Text);
