namespace Locking;

/// <summary>One acquisition at the broker, and the connection that hears of it. The connection may change: a client that comes back
/// after a broken connection asks again with the same id.</summary>
/// <remarks>
/// <para>The claim's own gate guards whom it belongs to, and keeps the order "queued" before "granted" on the wire although the
/// grant may come from another connection's thread before the first answer is written.</para>
/// <para>Nothing but appending to an output buffer happens under it. In which words it tells is the derived class's part.</para>
/// </remarks>
internal abstract class BrokerClaim : RecordableClaim
{
    private readonly Lock _gate = new();
    private readonly RecordKeeper _records;
    private bool _answered;
    private bool _granted;
    private bool _told;

    protected BrokerClaim(RecordKeeper records, string key, string id, string owner, TimeSpan ttl)
        : base(key, ttl)
    {
        _records = records;
        Id = id;
        Owner = owner;
    }

    /// <inheritdoc/>
    public override string Id { get; }

    /// <inheritdoc/>
    public override string Owner { get; }

    /// <summary>How long the request that is answered stood in the queue: since its claim was given to this listener. Never too large: a
    /// client that asked again after a broken connection counts from its last request.</summary>
    public TimeSpan QueuedForListener
    {
        get
        {
            long since = Math.Max(ArrivedAt, AttachedAt);
            return GrantedAt > since ? _records.Time.GetElapsedTime(since, GrantedAt) : TimeSpan.Zero;
        }
    }

    /// <summary>When a request was last given it, as a timestamp.</summary>
    public long AttachedAt { get; private set; }

    /// <summary>Who hears of it; null when its connection is gone.</summary>
    public IClaimListener? Listener { get; private set; }

    /// <summary>The number of the request that waits for the grant, where its protocol has such.</summary>
    public long Number { get; private set; }

    /// <summary>Stands before the table because the broker may grant nothing yet.</summary>
    public bool IsHeldBack { get; set; }

    /// <summary>Whether its lease is cut short when its connection breaks, because its client cannot come back for it.</summary>
    public virtual bool EndsAfterBreak => false;

    /// <inheritdoc/>
    protected internal override bool WantsPromptExpiry => true;

    /// <summary>Gives the claim to a listener, which has a request open for it that is not answered yet.</summary>
    public void Attach(IClaimListener listener, long number)
    {
        IClaimListener? before;
        lock (_gate)
        {
            before = Listener;
            AttachedAt = _records.Time.GetTimestamp();
            Listener = listener;
            Number = number;
            _answered = false;
            _told = false;
        }

        if (before != listener)
        {
            before?.Forget(this);
            listener.Remember(this);
        }
    }

    /// <summary>Whether that request is the one that hears of the grant.</summary>
    public bool IsOf(IClaimListener listener, long number)
    {
        lock (_gate)
            return Listener == listener && Number == number;
    }

    /// <summary>Somebody has given the place up by its id: the request that waits there hears of it.</summary>
    public void TellWithdrawn()
    {
        IClaimListener? listener;
        long number;
        lock (_gate)
            (listener, number) = (Listener, Number);
        if (listener is not null)
            TellWithdrawn(listener, number);
    }

    /// <summary>Takes the claim from a listener that has ended.</summary>
    /// <returns>False when it belongs to another one by now.</returns>
    public bool Detach(IClaimListener listener)
    {
        lock (_gate)
        {
            if (Listener != listener)
                return false;
            Listener = null;
            return true;
        }
    }

    /// <summary>The request has its answer "queued": from now on the grant may be told.</summary>
    public void Answered()
    {
        lock (_gate)
        {
            _answered = true;
            TellGrantUnsynchronized();
        }
    }

    /// <summary>The claim is over: nothing more is told, and its listener forgets it.</summary>
    public void Ended()
    {
        IClaimListener? listener;
        lock (_gate)
        {
            listener = Listener;
            Listener = null;
        }

        listener?.Forget(this);
    }

    /// <inheritdoc/>
    protected internal override void OnGranted()
    {
        _records.Update(this);
        lock (_gate)
        {
            _granted = true;
            TellGrantUnsynchronized();
        }
    }

    /// <inheritdoc/>
    protected internal override void OnExpired() => OnLost("expired"u8);

    /// <inheritdoc/>
    protected internal override void OnForced() => OnLost("forced"u8);

    /// <summary>Tells the grant of a claim that was queued. Under the claim's gate.</summary>
    protected abstract void TellGrant(IClaimListener listener);

    /// <summary>Tells that a lease has ended by time or by force, which its record knows by now.</summary>
    /// <param name="listener">Null when its connection is gone.</param>
    /// <param name="reason">In one word.</param>
    protected abstract void TellLoss(IClaimListener? listener, ReadOnlySpan<byte> reason);

    /// <summary>Tells that the place was given up by its id.</summary>
    protected abstract void TellWithdrawn(IClaimListener listener, long number);

    private void OnLost(ReadOnlySpan<byte> reason)
    {
        IClaimListener? listener = Listener;
        _records.Update(this);
        TellLoss(listener, reason);
        Ended();
    }

    private void TellGrantUnsynchronized()
    {
        if (!_answered || !_granted || _told || Listener is not { } listener)
            return;
        _told = true;
        TellGrant(listener);
    }
}
