namespace Locking.Torture;

/// <summary>A promise that a history breaks.</summary>
/// <param name="Rule">Which rule of <see cref="Specification"/>.</param>
/// <param name="Key">At which key, or "".</param>
/// <param name="At">When, in ticks.</param>
/// <param name="Text">What happened, in words.</param>
/// <param name="Attempts">The attempts that it is about.</param>
public sealed record Violation(Rule Rule, string Key, long At, string Text, params Attempt[] Attempts);

/// <summary>The rules.</summary>
public enum Rule
{
    /// <summary>No two announced holds of a key overlap.</summary>
    Exclusion,

    /// <summary>Tokens rise in the order of grants.</summary>
    Tokens,

    /// <summary>The resource that checks tokens accepts nothing stale, refuses nothing newest, and loses no update.</summary>
    Resource,

    /// <summary>A loss is announced in time, and nothing is lost before its time.</summary>
    Loss,

    /// <summary>Answers agree with what happened.</summary>
    Outcomes,

    /// <summary>After the faults everybody gets the lock within a bound.</summary>
    Liveness,

    /// <summary>Nothing is left behind.</summary>
    Leftovers,

    /// <summary>No caller sees an exception of another kind than the contract has.</summary>
    Faults,
}
