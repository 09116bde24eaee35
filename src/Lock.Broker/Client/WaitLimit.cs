namespace Locking;

/// <summary>Ends a wait in the broker's queue by time: the place is given up, and the broker says whether the grant was faster.</summary>
/// <remarks>Not a limit of the engine's (decision 0176): those end a call by its token,
/// and this one asks the broker how it ended.</remarks>
internal sealed class WaitLimit : IDisposable
{
    private readonly BrokerClient _client;
    private readonly PendingAnswer _waiter;
    private readonly ITimer _timer;

    public WaitLimit(BrokerClient client, PendingAnswer waiter, TimeSpan atMost)
    {
        _client = client;
        _waiter = waiter;

        // A longer wait is answered busy before its time, and asks again.
        _timer = client.Context.Time.CreateTimer(
            static s => ((WaitLimit)s!).TimeIsUp(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(TimerSpan.For(atMost), Timeout.InfiniteTimeSpan);
    }

    public void Dispose() => _timer.Dispose();

    private void TimeIsUp()
    {
        if (_waiter.IsGivenUp)
        {
            _waiter.TrySetException(_client.Context.NoAnswer());
            return;
        }

        _waiter.IsGivenUp = true;
        if (_client.Current is not { } connection)
        {
            _waiter.TrySetResult(new BrokerAnswer(AnswerKind.Busy));
            return;
        }

        _timer.Change(_client.Context.CommandTimeout, Timeout.InfiniteTimeSpan);
        connection.Dialect.TellWithdraw(_waiter);
    }
}
