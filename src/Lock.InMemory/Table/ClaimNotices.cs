namespace Locking;

/// <summary>Callbacks that a step has caused and that have not been made yet, in their order.</summary>
/// <remarks>
/// Handed out so that a server can write its own reply before the notices that it causes. Whoever receives it must call
/// <see cref="Deliver"/> exactly once, promptly and outside every gate. The default value is empty.
/// </remarks>
internal struct ClaimNotices
{
    private Claim? _first;
    private Kind _firstKind;
    private List<(Claim Claim, Kind Kind)>? _more;

    /// <summary>What is to be told.</summary>
    internal enum Kind
    {
        Granted = 1,
        Expired,
        Forced,
        Swept,
    }

    /// <summary>Whether there is nothing to deliver.</summary>
    public readonly bool IsEmpty => _first is null;

    /// <summary>Makes the callbacks.</summary>
    public readonly void Deliver()
    {
        if (_first is null)
            return;
        Tell(_first, _firstKind);
        if (_more is null)
            return;
        foreach ((Claim claim, Kind kind) in _more)
            Tell(claim, kind);
    }

    internal void Add(Claim claim, Kind kind)
    {
        if (_first is null)
        {
            _first = claim;
            _firstKind = kind;
            return;
        }

        (_more ??= []).Add((claim, kind));
    }

    private static void Tell(Claim claim, Kind kind)
    {
        switch (kind)
        {
            case Kind.Granted:
                claim.OnGranted();
                break;
            case Kind.Expired:
                claim.OnExpired();
                break;
            case Kind.Forced:
                claim.OnForced();
                break;
            case Kind.Swept:
                claim.OnSwept();
                break;
            default:
                throw new InvalidOperationException(kind.ToString());
        }
    }
}
