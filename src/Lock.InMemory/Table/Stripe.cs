using System.Diagnostics;

namespace Locking;

/// <summary>A part of the table, by hash of the key: its own gate, keys and timer, so that different keys seldom meet.</summary>
/// <remarks>Everything but <see cref="SetTimer"/> is done with <see cref="Gate"/> taken.</remarks>
/// <param name="clock">The table's clock.</param>
/// <param name="wake">What the timer calls.</param>
internal sealed class Stripe(TableClock clock, Action<Stripe> wake)
{
    private const int SmallestSize = 8;
    private const int MostFree = 128;

    /// <summary>The gate. A field, since it is a structure that changes.</summary>
    public Gate Gate;

    /// <summary>Hash of a key that was found taken a moment ago and is still in use; a hint that is read without the gate. 0:
    /// none.</summary>
    public int BusyHash;

    private readonly Lock _timerGate = new();
    private KeyEntry?[] _buckets = new KeyEntry?[SmallestSize];
    private KeyEntry? _free;

    /// <summary>The entry to use next, unless it is in use. It keeps its key until another one comes: a key that is taken again and again
    /// then costs no reference written to old memory, each of which takes the collector's barrier.</summary>
    private KeyEntry? _spare;
    private int _freeCount;
    private ITimer? _timer;
    private long _armedFor = Claim.Never;
    private bool _stopped;

    /// <summary>How many keys are in use.</summary>
    public int Count { get; private set; }

    /// <summary>Keys whose holders' deadlines somebody waits for. A key stays where it is while its holders change: one that comes due too
    /// early is looked at and put back, so that a busy key costs nothing here.</summary>
    public DueHeap<KeyQueue> Deadlines { get; } = new();

    /// <summary>The shortest lease that the sweep is paced for; leases at least as long need no more. <see cref="Claim.Never"/>: no
    /// sweep.</summary>
    public long SweepPace { get; private set; } = Claim.Never;

    public long SweepAt { get; private set; } = Claim.Never;

    public int BucketCount => _buckets.Length;

    private long WakeAt => Math.Min(Deadlines.Earliest, SweepAt);

    public KeyEntry? Find(string key, int hash)
    {
        KeyEntry? entry = _buckets[hash & (_buckets.Length - 1)];
        while (entry is not null && (entry.Hash != hash || entry.Key != key))
            entry = entry.Next;
        return entry;
    }

    /// <summary>First entry of a bucket, for walks.</summary>
    public KeyEntry? Bucket(int index) => _buckets[index];

    public KeyEntry Add(string key, int hash)
    {
        if (Count == _buckets.Length)
            Resize(Count * 2);
        KeyEntry entry = _spare is { IsInUse: false } spare ? spare : TakeFree();
        entry.IsInUse = true;
        if (!ReferenceEquals(entry.Key, key))
            entry.Key = key;
        entry.Hash = hash;
        ref KeyEntry? bucket = ref _buckets[hash & (_buckets.Length - 1)];
        if (bucket is not null)
            entry.Next = bucket;
        bucket = entry;
        Count++;
        return entry;
    }

    /// <summary>The key is idle: nothing is kept of it.</summary>
    public void Remove(KeyEntry entry)
    {
        Debug.Assert(entry.IsIdle && entry.HolderCount == 0, "Only an idle key is forgotten.");
        ref KeyEntry? link = ref _buckets[entry.Hash & (_buckets.Length - 1)];
        while (link != entry)
            link = ref link!.Next;
        if (entry.Next is null)
        {
            link = null;
        }
        else
        {
            link = entry.Next;
            entry.Next = null;
        }

        Count--;
        if (BusyHash == entry.Hash)
            BusyHash = 0;
        if (entry.Queue is { } queue)
        {
            Deadlines.Remove(queue);
            queue.Clear();
        }

        entry.IsInUse = false;
        entry.Max = 1;
        if (entry != _spare)
            KeepFree(entry);

        if (Count * 8 < _buckets.Length && _buckets.Length > SmallestSize * 8)
            Resize(_buckets.Length / 4);
    }

    /// <summary>Makes sure that the key is looked at no later than <paramref name="dueAt"/>.</summary>
    public void LookBy(KeyQueue queue, long dueAt)
    {
        if (dueAt != Claim.Never && !(queue.IsScheduled && queue.DueAt <= dueAt))
            Deadlines.Set(queue, dueAt);
    }

    /// <summary>Paces the sweep for a lease of this length.</summary>
    public void PaceSweep(long ttl, long now)
    {
        SweepPace = ttl;
        SweepAt = Math.Min(SweepAt, now + clock.SweepPeriod(ttl, Count));
    }

    /// <summary>The sweep begins. Leases granted meanwhile pace the next one themselves.</summary>
    public void BeginSweep() => SweepPace = SweepAt = Claim.Never;

    /// <summary>The sweep is through: <paramref name="shortest"/> is the shortest lease it has left behind.</summary>
    public void EndSweep(long shortest, long now)
    {
        if (shortest < SweepPace)
            PaceSweep(shortest, now);
    }

    /// <summary>Whether <see cref="SetTimer"/> must be called once the gate is left. Called at the end of a step that may have brought the
    /// next wake-up nearer.</summary>
    public bool NeedsTimer()
    {
        long wakeAt = WakeAt;
        if (wakeAt >= _armedFor)
            return false;
        _armedFor = wakeAt;
        return true;
    }

    /// <summary>Leaves the gate at the end of such a step, and sets the timer where it must.</summary>
    public void Leave()
    {
        bool setTimer = NeedsTimer();
        Gate.Exit();
        if (setTimer)
            SetTimer();
    }

    /// <summary>The timer has fired and is not armed any more.</summary>
    public void TimerFired() => _armedFor = Claim.Never;

    /// <summary>Sets the timer to what was last decided. Outside the gate: making and setting timers is the clock's code.</summary>
    public void SetTimer()
    {
        lock (_timerGate)
        {
            Gate.Enter();
            long dueAt = _armedFor;
            Gate.Exit();
            if (dueAt == Claim.Never || _stopped)
                return;
            TimeSpan due = clock.TimerDue(dueAt);
            if (_timer is null)
            {
                // The timer serves everybody: it must not carry on the context of whoever came first.
                using AsyncFlowControl flow = ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow();
                _timer = clock.Time.CreateTimer(
                    static state => ((Stripe)state!).Fire(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            }

            _timer.Change(due, Timeout.InfiniteTimeSpan);
        }
    }

    public void StopTimer()
    {
        lock (_timerGate)
        {
            _stopped = true;
            _timer?.Dispose();
        }
    }

    [Conditional("DEBUG")]
    public void AssertInvariants(KeyEntry? entry)
    {
        Debug.Assert(Gate.IsHeldByCurrentThread, "The gate is not taken.");
        if (entry is null)
            return;
        int holders = 0;
        for (Claim? claim = entry.Holders; claim is not null; claim = claim.Next)
        {
            holders++;
            Debug.Assert(claim.Entry == entry && claim.State is not (ClaimState.New or ClaimState.Waiting), "A holder that does not hold.");
            Debug.Assert(claim.FencingToken > 0, "A holder without token.");
        }

        Debug.Assert(holders == entry.HolderCount, "Holders miscounted.");
        if (entry.Queue is not { } queue)
            return;
        Debug.Assert((queue.Head is null) == (queue.Count == 0), "Waiters miscounted.");
        Debug.Assert(queue.Head is not { State: not ClaimState.Waiting }, "A waiter that does not wait.");
        Debug.Assert(queue.Count == 0 || entry.HolderCount >= entry.Max, "Waiters beside a free place.");
        Debug.Assert(
            queue.Count == 0 || entry.FirstDeadline == Claim.Never || (queue.IsScheduled && queue.DueAt <= entry.FirstDeadline),
            "Waiters whom no timer will serve.");
    }

    private KeyEntry TakeFree()
    {
        if (_free is not { } entry)
            return _spare is null ? _spare = new KeyEntry() : new KeyEntry();
        _free = entry.Next;
        entry.Next = null;
        _freeCount--;
        return entry;
    }

    private void KeepFree(KeyEntry entry)
    {
        if (_freeCount == MostFree)
            return;
        entry.Key = string.Empty;
        entry.Next = _free;
        _free = entry;
        _freeCount++;
    }

    private void Fire() => wake(this);

    private void Resize(int size)
    {
        var buckets = new KeyEntry?[size];
        foreach (KeyEntry? first in _buckets)
        {
            for (KeyEntry? entry = first; entry is not null;)
            {
                KeyEntry? next = entry.Next;
                ref KeyEntry? bucket = ref buckets[entry.Hash & (size - 1)];
                entry.Next = bucket;
                bucket = entry;
                entry = next;
            }
        }

        _buckets = buckets;
    }
}
