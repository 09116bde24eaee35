namespace Locking;

/// <summary>What is to be done after one and the same time, in the order in which it came.</summary>
internal sealed class DueQueue<T>(TimeProvider time, TimeSpan after)
{
    private readonly Lock _gate = new();
    private readonly Queue<(T Item, long At)> _queue = [];

    /// <summary>Puts it off.</summary>
    public void Add(T item)
    {
        long at = time.GetTimestamp() + new ClockUnits(time).Of(after);
        lock (_gate)
            _queue.Enqueue((item, at));
    }

    /// <summary>Takes the next one whose time has come.</summary>
    public bool TryTake(long now, out T item)
    {
        lock (_gate)
        {
            if (_queue.TryPeek(out (T Item, long At) head) && head.At <= now)
            {
                item = _queue.Dequeue().Item;
                return true;
            }
        }

        item = default!;
        return false;
    }
}
