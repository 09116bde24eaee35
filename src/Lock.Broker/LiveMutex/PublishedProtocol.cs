namespace Locking;

/// <summary>The messages of the published protocol (live-mutex), answered as its clients expect.</summary>
/// <remarks>All of it stands in this folder: a broker that does without it leaves this class out of its protocols.</remarks>
internal sealed class PublishedProtocol : IProtocol
{
    private static readonly TimeSpan s_sweepPeriod = TimeSpan.FromSeconds(1);

    private readonly BrokerLocks _locks;
    private readonly PublishedState _state;
    private readonly PublishedLocks _steps;
    private readonly PublishedMany _many;
    private readonly PublishedQuestions _questions;
    private readonly PublishedReaders _readers;
    private readonly CompositeLocks _composites = new();
    private readonly DueQueue<ClientSession> _broken;
    private long _sweptAt;

    /// <summary>Creates it.</summary>
    /// <param name="locks">What is asked for.</param>
    /// <param name="options">Times and limits.</param>
    /// <param name="connections">How many clients are connected.</param>
    public PublishedProtocol(BrokerLocks locks, BrokerServerOptions options, Func<int> connections)
    {
        _locks = locks;
        _state = new PublishedState(locks, options.AcknowledgeTimeout);
        _steps = new PublishedLocks(_state, options);
        _many = new PublishedMany(_state, _composites, options);
        _questions = new PublishedQuestions(locks, options, connections);
        _readers = new PublishedReaders(_state.Readers, options.Limits);
        _broken = new DueQueue<ClientSession>(locks.Records.Time, BrokerLocks.AfterBreak);
    }

    /// <inheritdoc/>
    public bool TryHandle(ClientSession session, WireLine kind, in WireMessage message)
    {
        // The value null ends the original's connection; here it is one more unknown line.
        if (kind != WireLine.Message)
            session.Send(PublishedLines.UnknownType(in message));
        else if (!message.InspectCommand.IsMissing)
            _questions.Inspect(session, in message);
        else if (message.Type.TextEquals("version"u8))
            CheckVersion(session, in message);
        else if (message.Type.TextEquals("version-mismatch-confirmed"u8))
            return true;
        else if (!session.Access.IsOpen)
            session.Send(PublishedLines.Error(in message, "This broker asks for a shared secret, which this client cannot give."));
        else if (!_steps.TryHandle(session, in message) && !_many.TryHandle(session, in message)
            && !_questions.TryHandle(session, in message) && !_readers.TryHandle(session, in message))
            session.Send(PublishedLines.UnknownType(in message));
        return true;
    }

    /// <inheritdoc/>
    public bool TryRestore(RecordedLease lease, TimeSpan remaining, out BrokerClaim? claim)
    {
        claim = null;
        if (lease.ForeignKey is not { } foreignKey)
            return false;
        if (lease.IsMember)
        {
            claim = _composites.Restore(_state, lease, remaining);
            return true;
        }

        var restored = new PublishedClaim(_state, lease.Key, foreignKey, lease.Id, lease.Owner, remaining)
        {
            Keep = lease.Keep,
            HasId = lease.HasForeignId,
        };
        if (_locks.Restore(restored, lease))
            claim = restored;
        return true;
    }

    /// <inheritdoc/>
    public void OnEnded(ClientSession session, ConnectionEnd end)
    {
        // One whose connection broke may live, and come back over another connection.
        if (end == ConnectionEnd.Broken)
            _broken.Add(session);
        else
            _state.Readers.Forget(session);
    }

    /// <inheritdoc/>
    public void KeepHouse(long now)
    {
        while (_state.Unacknowledged.TryTake(now, out PublishedClaim? claim))
        {
            // From that one alone, and the next waiter has it directly.
            if (claim.IsUnacknowledged && claim.State == ClaimState.Held)
            {
                _state.EndedIds.Add(claim.Key, claim.Id);
                _locks.End(claim);
            }
        }

        while (_broken.TryTake(now, out ClientSession? session))
            _state.Readers.Forget(session);
        if (_locks.Records.Time.GetElapsedTime(_sweptAt, now) < s_sweepPeriod)
            return;
        _sweptAt = now;
        _composites.DropIdle();
        _state.Readers.DropEnded();
    }

    /// <summary>The rule of the original: the same first number, and the same first character of the second.</summary>
    private static void CheckVersion(ClientSession session, in WireMessage message)
    {
        string version = message.Value.IsString ? message.Value.GetText()! : "";
        string[] parts = version.Split('.');
        if (parts.Length > 1 && parts[0] == "0" && parts[1].StartsWith('2'))
            return;

        // Its client reconnects at once, for ever, when the connection ends: it is kept for the whole time that the original allows.
        session.Refuse(LineWriter.Begin().Raw("{\"type\":\"version-mismatch\",\"versions\":{\"clientVersion\":"u8)
            .Raw(PublishedLines.RawOrNull(message.Value)).Raw(",\"brokerVersion\":"u8).Text(WireTypes.PublishedVersion).Raw("}}\n"u8));
    }
}
