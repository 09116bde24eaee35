using StackExchange.Redis;

namespace Locking;

/// <summary>Sends a server's steps: at once while little is under way to it, else together with those that come before the pool gets to
/// it.</summary>
/// <remarks>
/// A request costs the client more than the step in it costs the server. Under load the pool is busy, and the steps of many callers share
/// one; without load nothing waits for longer than a free thread takes, however far away the server is. Whatever has to come
/// behind a step on the connection calls <see cref="Flush"/> first.
/// </remarks>
internal sealed class NodeStepQueue
{
    /// <summary>Steps of one request. The server does nothing else meanwhile: some 5 µs for each.</summary>
    internal const int Most = 32;

    /// <summary>So many requests may be under way before steps share one: the end of one vote and the next, of one caller.</summary>
    private const int Few = 2;

    private readonly Lock _gate = new();
    private readonly Lock _sending = new();
    private readonly RedisConnection _connection;
    private readonly RedisKey _life;
    private readonly string _channel;
    private readonly Action<Action> _schedule;
    private readonly Action _flush;
    private readonly Action _answered;
    private List<NodeStep> _waiting = [];
    private bool _isScheduled;
    private int _underWay;

    /// <summary>Makes it.</summary>
    /// <param name="connection">The server.</param>
    /// <param name="life">The key of the note about its vote.</param>
    /// <param name="channel">Where releases are told.</param>
    /// <param name="schedule">How what waits is sent soon; null for the pool.</param>
    public NodeStepQueue(RedisConnection connection, RedisKey life, string channel, Action<Action>? schedule = null)
    {
        _connection = connection;
        _life = life;
        _channel = channel;
        _schedule = schedule ?? (static flush => ThreadPool.UnsafeQueueUserWorkItem(static flush => flush(), flush, preferLocal: false));
        _flush = Flush;
        _answered = () => Interlocked.Decrement(ref _underWay);
    }

    /// <summary>Sends a step now or soon. Its answer comes on another thread.</summary>
    public void Add(NodeStep step)
    {
        bool waits;
        lock (_gate)
        {
            waits = _waiting.Count > 0 || Volatile.Read(ref _underWay) >= Few;
            if (!waits)
            {
                Interlocked.Increment(ref _underWay);
            }
            else
            {
                _waiting.Add(step);
                if (_isScheduled)
                    return;
                _isScheduled = true;
            }
        }

        if (waits)
            _schedule(_flush);
        else
            SendAlone(step);
    }

    /// <summary>Sends what waits, so that what is sent next comes behind it.</summary>
    public void Flush()
    {
        lock (_sending)
        {
            List<NodeStep> steps;
            lock (_gate)
            {
                _isScheduled = false;
                if (_waiting.Count == 0)
                    return;
                steps = _waiting;
                _waiting = [];
            }

            for (int begin = 0; begin < steps.Count;)
            {
                int end = EndOf(steps, begin, out string note);
                Interlocked.Increment(ref _underWay);
                if (end == begin + 1)
                    SendAlone(steps[begin]);
                else
                    SendTogether([.. steps[begin..end]], note);
                begin = end;
            }
        }
    }

    /// <summary>Up to where steps may share a request: those that name different notes may not.</summary>
    private static int EndOf(List<NodeStep> steps, int begin, out string note)
    {
        note = "";
        int end = begin;
        for (; end < steps.Count && end < begin + Most; end++)
        {
            if (steps[end].Note is not { } its || its == note)
                continue;
            if (note.Length > 0)
                break;
            note = its;
        }

        return end;
    }

    private void SendAlone(NodeStep step)
    {
        step.Ended = _answered;
        BallotPaper paper = step.Paper!;
        StoreStepCall call = step.Note is { } note
            ? new(ScriptSet.Vote, paper.Keys, [paper.Id, paper.Ttl, paper.Proposal, paper.FenceLife, note])
            : new(ScriptSet.ReleaseVote, [paper.Keys[0]], [paper.Id, _connection.Channels.Of(_channel)]);
        _connection.Send(step, call, CancellationToken.None);
    }

    private void SendTogether(NodeStep[] steps, string note)
    {
        var batch = new NodeStepBatch(steps) { Ended = _answered };
        _connection.Send(batch, batch.Write(_life, _connection.Channels.Of(_channel), note), CancellationToken.None);
    }
}
