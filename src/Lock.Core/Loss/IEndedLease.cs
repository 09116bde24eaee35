namespace Locking;

/// <summary>A lease that has ended, as it is told of.</summary>
internal interface IEndedLease
{
    string Key { get; }

    /// <summary>The id of its holder; may be made when it is asked for.</summary>
    string Id { get; }
}
