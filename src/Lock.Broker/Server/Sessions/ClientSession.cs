using System.Net.Sockets;

namespace Locking;

/// <summary>One client's connection at the broker: hands its lines to the protocols, and ends its claims when it leaves.</summary>
/// <remarks>Lines are handled on the serving thread alone; grants and losses are told by whatever thread caused them.</remarks>
internal sealed class ClientSession : ServedConnection, IClaimListener
{
    private readonly ClientSessions _sessions;
    private readonly SessionClaims _claims;
    private readonly Queue<Func<bool>> _parts = [];

    public ClientSession(ClientSessions sessions, Socket socket)
        : base(socket, sessions.Options.Limits.LineLength, sessions.Options.Limits.UnreadOutput, sessions.BeforeSend)
    {
        _sessions = sessions;
        _claims = new SessionClaims(sessions.Options.Limits.ClaimsPerConnection);
        Access = new SessionAccess(sessions.Options.Secret);
    }

    /// <summary>Whether its client may ask for locks.</summary>
    public SessionAccess Access { get; }

    /// <summary>The client gives this connection up, but not what it holds: it comes back on another one.</summary>
    public bool Stays { get; set; }

    /// <summary>Whether the connection is over and its claims have been seen to.</summary>
    public bool HasEnded => _claims.HaveEnded;

    /// <inheritdoc/>
    protected override bool HasMore => _parts.Count > 0;

    /// <inheritdoc/>
    public void Remember(BrokerClaim claim) => _claims.Add(claim);

    /// <inheritdoc/>
    public void Forget(BrokerClaim claim) => _claims.Remove(claim);

    /// <summary>Whether it may hold and wait for so many more.</summary>
    public bool HasRoomForClaims(int count) => _claims.HasRoomFor(count);

    /// <inheritdoc/>
    public void Send(LineWriter line)
    {
        if (TryAppend(line))
            FlushScope.Flush(Output);
    }

    /// <summary>Sends what nobody waits for at this moment: with what is sent next, or when the broker has nothing else to do.</summary>
    public void SendLater(LineWriter line)
    {
        if (TryAppend(line))
            FlushScope.FlushLater(Output);
    }

    /// <summary>Sends in parts, so that others have their turn in between and the reader can keep up.</summary>
    /// <param name="sendNext">Sends the next part; false when that was the last one.</param>
    public void SendInParts(Func<bool> sendNext) => _parts.Enqueue(sendNext);

    /// <summary>The client may not come in. Told once; what it sends after that is ignored, and it is cut after a while.</summary>
    public void Refuse(LineWriter why)
    {
        if (!Access.Refuse())
            return;
        Send(why);
        _sessions.CutLater(this);
    }

    /// <inheritdoc/>
    protected override void OnLine(ReadOnlySpan<byte> line)
    {
        WireLine kind = WireMessage.Parse(line, out WireMessage message);
        if (kind == WireLine.Unreadable || Access.IsRefused)
            return;
        foreach (IProtocol protocol in _sessions.Protocols)
        {
            if (protocol.TryHandle(this, kind, in message))
                return;
        }
    }

    /// <inheritdoc/>
    protected override void OnMore()
    {
        if (!_parts.Peek()())
            _parts.Dequeue();
    }

    /// <inheritdoc/>
    protected override void OnFault(Exception exception) => _sessions.OnFault(exception);

    /// <inheritdoc/>
    protected override void OnEnded(ConnectionEnd end, string why)
    {
        if (Stays)
            end = ConnectionEnd.Broken;
        BrokerClaim[] claims = _claims.End();
        foreach (BrokerClaim claim in claims)
            End(claim, end);
        _sessions.OnEnded(this, end, why, claims.Length);
    }

    /// <summary>
    /// A client that closes gives up what it has, unless it asked to keep it. One whose connection broke may live and rely on its leases:
    /// they stand until their TTL, and it can reclaim them; its places in queues are of no use without a connection. A published client
    /// cannot reclaim what never expires: that stands for a while only, in which it can ask again with the same id. Not when this
    /// broker itself ends: its client goes on to believe in it.
    /// </summary>
    private void End(BrokerClaim claim, ConnectionEnd end)
    {
        if (!claim.Detach(this))
            return;
        BrokerLocks locks = _sessions.Locks;
        if (end == ConnectionEnd.Broken && claim.EndsAfterBreak)
        {
            if (!_sessions.IsClosing)
                locks.EndAfterBreak(claim);
        }
        else if (end == ConnectionEnd.Broken || (claim.Keep && claim.State == ClaimState.Held))
        {
            locks.Withdraw(claim);
        }
        else
        {
            locks.End(claim);
        }
    }

    private bool TryAppend(LineWriter line)
    {
        if (Output.Append(line.Written))
            return true;
        _sessions.OnSlowReader(this);
        Cut();
        return false;
    }
}
