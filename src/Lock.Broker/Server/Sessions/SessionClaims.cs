namespace Locking;

/// <summary>What one connection holds and waits for.</summary>
internal sealed class SessionClaims(int most)
{
    private readonly Lock _gate = new();
    private readonly HashSet<BrokerClaim> _claims = [];
    private bool _hasEnded;

    /// <summary>Whether they were taken away for good.</summary>
    public bool HaveEnded
    {
        get
        {
            lock (_gate)
                return _hasEnded;
        }
    }

    /// <summary>One more.</summary>
    public void Add(BrokerClaim claim)
    {
        lock (_gate)
            _claims.Add(claim);
    }

    /// <summary>One less.</summary>
    public void Remove(BrokerClaim claim)
    {
        lock (_gate)
            _claims.Remove(claim);
    }

    /// <summary>Whether so many more are allowed.</summary>
    public bool HasRoomFor(int count)
    {
        lock (_gate)
            return _claims.Count + count <= most;
    }

    /// <summary>Takes all of them: the connection is over.</summary>
    public BrokerClaim[] End()
    {
        lock (_gate)
        {
            _hasEnded = true;
            BrokerClaim[] claims = [.. _claims];
            _claims.Clear();
            return claims;
        }
    }
}
