using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>What happens by time: missing acknowledgements, refused clients, the end of the pause at the start, idle exit.</summary>
public sealed partial class BrokerServer
{
    private static readonly TimeSpan _refusedFor = TimeSpan.FromSeconds(2);

    private readonly Lock _timesGate = new();
    private readonly Queue<(BrokerClaim Claim, long At)> _unacknowledged = [];
    private readonly Queue<(ClientSession Session, long At)> _refused = [];

    private static TimeSpan HousekeepingPeriod => TimeSpan.FromMilliseconds(200);

    internal void ExpectAcknowledgement(BrokerClaim claim)
    {
        lock (_timesGate)
            _unacknowledged.Enqueue((claim, In(Options.AcknowledgeTimeout)));
    }

    /// <summary>Ends a refused client's connection, but not at once: the published client would come back at once, for ever.</summary>
    internal void CutLater(ClientSession session)
    {
        lock (_timesGate)
            _refused.Enqueue((session, In(_refusedFor)));
    }

    internal void OnSessionEnded(ClientSession session, ConnectionEnd end, string why, int claims)
    {
        lock (_gate)
        {
            _sessions.Remove(session);
            _idleSince = TimeProvider.GetTimestamp();
        }

        if (end == ConnectionEnd.Broken && !_closing)
            LogBroken(why, claims);
    }

    internal void OnFault(Exception exception) => LogFault(exception);

    internal void OnSlowReader(ClientSession session) => LogSlowReader(Options.Limits.UnreadOutput, session.GetHashCode());

    private long In(TimeSpan time) => TimeProvider.GetTimestamp() + (long)(time.TotalSeconds * TimeProvider.TimestampFrequency);

    /// <summary>Called by a timer, where a fault would end the process and with it every lease: it is told, and what is left is done next time.</summary>
    private void KeepHouse()
    {
        if (_closing)
            return;
        try
        {
            DoWhatIsDue();
        }
        catch (Exception e)
        {
            OnFault(e);
        }
    }

    private void DoWhatIsDue()
    {
        Pause.EndWhenDue();
        var now = TimeProvider.GetTimestamp();
        while (TryTakeDue(_unacknowledged, now, out var claim))
        {
            // From that one alone, and the next waiter has it directly.
            if (claim.IsUnacknowledged && claim.State == ClaimState.Held)
            {
                EndedIds.Add(claim.Key, claim.Id);
                End(claim);
            }
        }

        while (TryTakeDue(_refused, now, out var session))
            session.Cut();
        SweepLeftovers(now);
        Records.KeepHouse();
        ExitWhenIdle();
    }

    private bool TryTakeDue<T>(Queue<(T Item, long At)> queue, long now, out T item)
    {
        lock (_timesGate)
        {
            if (queue.TryPeek(out var head) && head.At <= now)
            {
                item = queue.Dequeue().Item;
                return true;
            }
        }

        item = default!;
        return false;
    }

    private void ExitWhenIdle()
    {
        if (Options.IdleExit is not { } idle || Pause.IsOn)
            return;
        lock (_gate)
        {
            if (_sessions.Count > 0 || Table.KeyCount > 0)
            {
                _idleSince = TimeProvider.GetTimestamp();
                return;
            }

            if (TimeProvider.GetElapsedTime(_idleSince) < idle)
                return;

            // From here on nobody is admitted: a client that comes now finds no broker, and starts the next one.
            _closing = true;
        }

        LogIdle(idle);
        _ = StopAsync();
    }

    [LoggerMessage(1, LogLevel.Information, "The broker listens on {Where}; anything may be held that it does not know of for {Wait}.")]
    private partial void LogListening(string where, TimeSpan wait);

    [LoggerMessage(2, LogLevel.Information, "The broker on {Where} has ended.")]
    private partial void LogEnded(string where);

    [LoggerMessage(3, LogLevel.Warning, "A connection could not be accepted.")]
    private partial void LogAcceptFailed(Exception exception);

    [LoggerMessage(4, LogLevel.Information, "A connection broke ({Why}); its {Claims} locks stand until their TTL.")]
    private partial void LogBroken(string why, int claims);

    [LoggerMessage(5, LogLevel.Warning, "A client did not read {Limit} bytes; its connection {Connection} is cut, its locks stand until their TTL.")]
    private partial void LogSlowReader(int limit, int connection);

    [LoggerMessage(6, LogLevel.Information, "No connection and no lock for {Idle}: the broker ends.")]
    private partial void LogIdle(TimeSpan idle);

    [LoggerMessage(11, LogLevel.Warning, "The file of the socket '{Path}' was removed; the broker listens there again.")]
    private partial void LogListensAgain(string path);

    [LoggerMessage(12, LogLevel.Warning, "Connections are closed at once: nearly all of the {Limit} files that the process may have open are in use.")]
    private partial void LogOutOfDescriptors(long limit);

    [LoggerMessage(9, LogLevel.Error, "A line could not be handled; its connection is cut, its locks stand until their TTL.")]
    private partial void LogFault(Exception exception);
}
