using Xunit.Sdk;

namespace Locking.Conformance;

/// <summary>What holders were promised: who could rely on which lock from when until when. Thread-safe; checked at the end.</summary>
/// <param name="clock">The clock that all times are read from.</param>
public sealed class LockHistory(TimeProvider clock)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Key, string Id, long? Token), Span> _spans = [];

    /// <summary>How many grants were recorded.</summary>
    public int Grants
    {
        get
        {
            lock (_gate)
                return _spans.Count;
        }
    }

    /// <summary>The time now, to be read before what it is compared with.</summary>
    public TimeSpan Now => clock.SinceZero();

    /// <summary>A holder was told of its grant just now, and may rely on it until a time. Told again, the later end counts.</summary>
    public void Granted(string key, string id, long? token, TimeSpan until)
    {
        lock (_gate)
        {
            TimeSpan now = Now;
            if (_spans.TryGetValue((key, id, token), out Span? span))
                span.Until = now < until && until > span.Until && !span.IsOver ? until : span.Until;
            else if (now < until)
                _spans.Add((key, id, token), new Span(key, id, token, now) { Until = until });
        }
    }

    /// <summary>A holder relies on its grant no longer than until this time: it gives it back, or asks for a shorter lease.</summary>
    public void Ends(string key, string id, TimeSpan at, bool forGood = true)
    {
        lock (_gate)
        {
            foreach (Span? span in _spans.Values.Where(span => span.Key == key && span.Id == id))
            {
                span.Until = span.Until < at ? span.Until : at;
                span.IsOver |= forGood;
            }
        }
    }

    /// <summary>Records what a handle promises now: that it is valid for its <see cref="ILockHandle.Remaining"/>.</summary>
    public void Promised(ILockHandle handle)
    {
        ArgumentNullException.ThrowIfNull(handle);
        TimeSpan now = Now;
        TimeSpan remaining = handle.Remaining;
        if (remaining == Timeout.InfiniteTimeSpan || remaining > TimeSpan.Zero)
            Granted(handle.Key, handle.Id, handle.FencingToken,
                remaining == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : now + remaining);
    }

    /// <summary>Checks that no two holders could rely on one lock at once, and that tokens rise from grant to grant.</summary>
    /// <exception cref="XunitException">They do not; the message shows the pairs.</exception>
    public void Check()
    {
        var faults = new List<string>();
        lock (_gate)
        {
            foreach (IGrouping<string, Span> key in _spans.Values.GroupBy(span => span.Key, StringComparer.Ordinal))
            {
                Span? last = null;
                foreach (Span? span in key.OrderBy(span => span.From))
                {
                    if (last is not null && span.From < last.Until && span.From < span.Until)
                        faults.Add($"overlap: {last} and {span}");
                    if (last is not null && span.Token <= last.Token)
                        faults.Add($"token does not rise: {last} and {span}");
                    if (last is null || span.Until > last.Until)
                        last = span;
                }
            }
        }

        if (faults.Count > 0)
            throw new XunitException(
                $"{faults.Count} violation(s):{Environment.NewLine}{string.Join(Environment.NewLine, faults.Take(20))}");
    }

    private sealed class Span(string key, string id, long? token, TimeSpan from)
    {
        public string Key { get; } = key;

        public string Id { get; } = id;

        public long? Token { get; } = token;

        public TimeSpan From { get; } = from;

        public TimeSpan Until { get; set; }

        public bool IsOver { get; set; }

        public override string ToString() =>
            $"{Key} held by {Id} (token {Token}) from {From.TotalMilliseconds:0.000} to {Until.TotalMilliseconds:0.000} ms";
    }
}
