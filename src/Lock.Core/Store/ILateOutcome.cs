namespace Locking;

/// <summary>Wants to know what becomes of a step that was left running.</summary>
internal interface ILateOutcome<T>
{
    /// <summary>Nobody awaits the step any more.</summary>
    /// <param name="step">Ends when the step does.</param>
    void OnAbandoned(Task<T> step);
}
