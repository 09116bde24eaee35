using System.Net.Sockets;

namespace Locking;

/// <summary>One client's connection at the broker: reads its lines, answers them, and ends its claims when it leaves.</summary>
/// <remarks>Lines are handled on the serving thread alone; grants and losses are told by whatever thread caused them.</remarks>
internal sealed partial class ClientSession : ServedConnection
{
    [ThreadStatic]
    private static LineWriter? t_writer;

    private readonly BrokerServer _server;
    private readonly Lock _gate = new();
    private readonly HashSet<BrokerClaim> _claims = [];
    private Access _access;
    private bool _hasEnded;

    public ClientSession(BrokerServer server, Socket socket)
        : base(socket, server.Options.Limits.LineLength, server.Options.Limits.UnreadOutput, server.Records.IsDurable ? server.Records.Sync : null)
    {
        _server = server;
        _access = server.Options.Secret is null ? Access.Open : Access.Locked;
    }

    private enum Access
    {
        /// <summary>May ask for locks.</summary>
        Open,

        /// <summary>Has not shown that it knows the secret.</summary>
        Locked,

        /// <summary>Was refused: nothing is answered any more, and the connection is closed soon.</summary>
        Refused,
    }

    /// <summary>A writer for one line; every thread has its own, and no line is composed while another is.</summary>
    private static LineWriter NewLine => (t_writer ??= new LineWriter()).Clear();

    /// <summary>Whether the connection is over and its claims have been seen to.</summary>
    public bool HasEnded
    {
        get
        {
            lock (_gate)
                return _hasEnded;
        }
    }

    /// <summary>The claim belongs to this session from now on.</summary>
    public void Remember(BrokerClaim claim)
    {
        lock (_gate)
            _claims.Add(claim);
    }

    /// <summary>The claim is over or belongs to another session.</summary>
    public void Forget(BrokerClaim claim)
    {
        lock (_gate)
            _claims.Remove(claim);
    }

    /// <summary>Tells the grant of a claim that was queued.</summary>
    public void TellGrant(BrokerClaim claim)
    {
        if (claim.ForeignKey is not null)
            TellForeignGrant(claim);
        else
            SendGranted(claim.Number, claim.FencingToken, claim.QueuedForSession);
    }

    /// <summary>Tells one of our own clients that a lease has ended by time or by force.</summary>
    public void TellLoss(BrokerClaim claim, ReadOnlySpan<byte> reason) =>
        Send(NewLine.Raw("{\"type\":\"lk-lost\",\"key\":"u8).Text(claim.Key).Raw(",\"id\":"u8).Text(claim.Id)
            .Raw(",\"reason\":\""u8).Raw(reason).Raw("\"}\n"u8));

    protected override void OnLine(ReadOnlySpan<byte> line)
    {
        var kind = WireMessage.Parse(line, out var message);
        if (kind == WireLine.Unreadable || _access == Access.Refused)
            return;
        if (kind == WireLine.NotAnObject)
        {
            // The value null ends the original's connection; here it is one more unknown line.
            SendUnknownType(default, default);
            return;
        }

        if (!HandleOwn(in message))
            HandlePublished(in message);
    }

    protected override void OnFault(Exception exception) => _server.OnFault(exception);

    protected override void OnEnded(ConnectionEnd end, string why)
    {
        if (_stays)
            end = ConnectionEnd.Broken;
        BrokerClaim[] claims;
        lock (_gate)
        {
            _hasEnded = true;
            claims = [.. _claims];
            _claims.Clear();
        }

        foreach (var claim in claims)
            End(claim, end);
        _server.OnSessionEnded(this, end, why, claims.Length);
    }

    /// <summary>
    /// A client that closes gives up what it has, unless it asked to keep it. One whose connection broke may live and rely on its leases:
    /// they stand until their TTL, and it can reclaim them; its places in queues are of no use without a connection.
    /// </summary>
    private void End(BrokerClaim claim, ConnectionEnd end)
    {
        if (!claim.Detach(this))
            return;
        if (end == ConnectionEnd.Broken || (claim.Keep && claim.State == ClaimState.Held))
            _server.Withdraw(claim);
        else
            _server.End(claim);
    }

    private bool HasRoomForClaim()
    {
        lock (_gate)
            return _claims.Count < _server.Options.Limits.ClaimsPerConnection;
    }

    private void Send(LineWriter line)
    {
        if (TryAppend(line))
            FlushScope.Flush(Output);
    }

    /// <summary>Sends what nobody waits for at this moment: with what is sent next, or when the broker has nothing else to do.</summary>
    private void SendLater(LineWriter line)
    {
        if (TryAppend(line))
            FlushScope.FlushLater(Output);
    }

    private bool TryAppend(LineWriter line)
    {
        if (Output.Append(line.Written))
            return true;
        _server.OnSlowReader(this);
        Cut();
        return false;
    }
}
