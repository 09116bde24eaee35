namespace Locking;

/// <summary>One acquisition at the broker, and the connection that hears of it. The connection may change: a client that comes back
/// after a broken connection asks again with the same id.</summary>
/// <remarks>
/// <para>The claim's own gate guards which session it belongs to, and keeps the order "queued" before "granted" on the wire although the
/// grant may come from another connection's thread before the first answer is written.</para>
/// <para>Nothing but appending to an output buffer happens under it.</para>
/// </remarks>
internal sealed class BrokerClaim : Claim
{
    private readonly Lock _gate = new();
    private readonly BrokerServer _server;
    private bool _answered;
    private bool _granted;
    private bool _told;

    public BrokerClaim(BrokerServer server, string key, string id, string owner, TimeSpan ttl)
        : base(key, ttl)
    {
        _server = server;
        Id = id;
        Owner = owner;
    }

    /// <inheritdoc/>
    public override string Id { get; }

    /// <inheritdoc/>
    public override string Owner { get; }

    /// <summary>How long the request that is answered stood in the queue: since its claim was given to this session. Never too large: a
    /// client that asked again after a broken connection counts from its last request.</summary>
    public TimeSpan QueuedForSession
    {
        get
        {
            var since = Math.Max(ArrivedAt, AttachedAt);
            return GrantedAt > since ? _server.TimeProvider.GetElapsedTime(since, GrantedAt) : TimeSpan.Zero;
        }
    }

    /// <summary>When a request was last given it, as a timestamp.</summary>
    public long AttachedAt { get; private set; }

    /// <summary>Who hears of it; null when its connection is gone.</summary>
    public ClientSession? Session { get; private set; }

    /// <summary>Whether the lease outlives the connection even when the client closes it.</summary>
    public bool Keep { get; set; }

    /// <summary>The request that waits for the grant (our own messages).</summary>
    public long Number { get; private set; }

    /// <summary>The request came from a client of the published protocol: the key as it was written there.</summary>
    public byte[]? ForeignKey { get; init; }

    /// <summary>It is one of several keys that are taken together.</summary>
    public CompositeLock? Composite { get; init; }

    /// <summary>It is, or was at the broker before, one of several keys that are taken together.</summary>
    public bool IsMember => Composite is not null || WasMember;

    /// <summary>It was one of several keys at the broker before.</summary>
    public bool WasMember { get; init; }

    /// <summary>How many may hold the key, as it stands on record.</summary>
    public int RecordedMax { get; set; } = 1;

    /// <summary>Where it stands on record; null when it does not. Under the record's gate.</summary>
    public RecordSegment? RecordedIn { get; set; }

    /// <inheritdoc cref="RecordedIn"/>
    public int RecordedAt { get; set; }

    /// <summary>Whether the published client gave an id; without one it is answered without one.</summary>
    public bool HasForeignId { get; init; } = true;

    /// <summary>The id as the published client wrote it, where that is not the plain text of <see cref="Id"/>: a number, for example.</summary>
    public byte[]? ForeignId { get; init; }

    /// <summary>Published clients acknowledge a grant out of the queue; until then it may be taken back.</summary>
    public bool IsUnacknowledged { get; set; }

    /// <summary>Stands before the table because the broker may grant nothing yet.</summary>
    public bool IsHeldBack { get; set; }

    /// <inheritdoc/>
    protected internal override bool WantsPromptExpiry => true;

    /// <summary>Notes how many may hold the key: published clients say so, also of keys of our own.</summary>
    public void NoteMax()
    {
        // Without the table's gate: of a claim that holds, the entry is its key's.
        if (Entry is { } entry && entry.Max is var max && Entry == entry)
            RecordedMax = max;
    }

    /// <summary>Gives the claim to a session, which has a request open for it that is not answered yet.</summary>
    public void Attach(ClientSession session, long number)
    {
        ClientSession? before;
        lock (_gate)
        {
            before = Session;
            AttachedAt = _server.TimeProvider.GetTimestamp();
            Session = session;
            Number = number;
            _answered = false;
            _told = false;
        }

        if (before != session)
        {
            before?.Forget(this);
            session.Remember(this);
        }
    }

    /// <summary>Whether that request is the one that hears of the grant.</summary>
    public bool IsOf(ClientSession session, long number)
    {
        lock (_gate)
            return Session == session && Number == number;
    }

    /// <summary>Somebody has given the place up by its id: the request that waits there hears of it.</summary>
    public void TellWithdrawn()
    {
        ClientSession? session;
        long number;
        lock (_gate)
            (session, number) = (Session, Number);
        if (ForeignKey is null)
            session?.TellWithdrawn(number);
    }

    /// <summary>Takes the claim from a session that has ended.</summary>
    /// <returns>False when it belongs to another session by now.</returns>
    public bool Detach(ClientSession session)
    {
        lock (_gate)
        {
            if (Session != session)
                return false;
            Session = null;
            return true;
        }
    }

    /// <summary>The session's request has its answer "queued": from now on the grant may be told.</summary>
    public void Answered()
    {
        lock (_gate)
        {
            _answered = true;
            TellGrantUnsynchronized();
        }
    }

    /// <summary>The claim is over: nothing more is told, and its session forgets it.</summary>
    public void Ended()
    {
        ClientSession? session;
        lock (_gate)
        {
            session = Session;
            Session = null;
        }

        session?.Forget(this);
    }

    /// <inheritdoc/>
    protected internal override void OnGranted()
    {
        if (Composite is not null)
        {
            // On record with the others, once all are there.
            // Not here: whoever caused the grant may be another composite, with its gate taken.
            ThreadPool.UnsafeQueueUserWorkItem(static claim => claim.Composite!.OnGranted(claim), this, preferLocal: false);
            return;
        }

        _server.Records.Update(this);
        lock (_gate)
        {
            _granted = true;
            TellGrantUnsynchronized();
        }
    }

    /// <inheritdoc/>
    protected internal override void OnExpired() => TellLoss("expired"u8);

    /// <inheritdoc/>
    protected internal override void OnForced() => TellLoss("forced"u8);

    private void TellLoss(ReadOnlySpan<byte> reason)
    {
        var session = Session;
        _server.Records.Update(this);
        if (ForeignKey is not null)
            _server.EndedIds.Add(Key, Id);
        else
            session?.TellLoss(this, reason);
        Ended();
    }

    private void TellGrantUnsynchronized()
    {
        if (!_answered || !_granted || _told || Session is not { } session)
            return;
        _told = true;
        session.TellGrant(this);
    }
}
