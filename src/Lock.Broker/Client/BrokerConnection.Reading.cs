using System.Net.Sockets;

namespace Locking;

/// <summary>Reads what the broker says.</summary>
/// <remarks>
/// Answers are told only once the next receive has been asked for, so that a caller that blocks its thread after an answer holds up nobody else:
/// what comes next is read on another thread of the pool. The last answer of a batch goes on on the thread that has read it; the
/// others can be taken by any thread.
/// </remarks>
internal sealed partial class BrokerConnection
{
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Arrival _arrival;
    private readonly Flusher _flusher;
    private PendingAnswer? _firstAnswered;
    private PendingAnswer? _lastAnswered;

    /// <summary>Completes when nothing more will be read.</summary>
    public Task Closed => _closed.Task;

    /// <summary>Begins to read.</summary>
    public void Read()
    {
        if (!TryReceive())
            OnReceiveCompleted();
    }

    /// <summary>Sends what was asked. A task of the pool leaves that to the pool: it may be one of many that go on at this moment, and what they
    /// ask leaves in one write. Any other thread sends by itself, since the pool may have to wake up first.</summary>
    private void FlushSoon()
    {
        if (Thread.CurrentThread.IsThreadPoolThread)
            _flusher.Queue();
        else
            Output.Flush();
    }

    /// <summary>Asks for what comes next.</summary>
    /// <returns>True when something will come later, on another thread; false when it has come.</returns>
    private bool TryReceive()
    {
        _arrival.SetBuffer(Input.Room());
        return Socket.ReceiveAsync(_arrival);
    }

    private void OnReceiveCompleted()
    {
        while (true)
        {
            var goesOn = OnArrival();
            var answered = TakeAnswered();
            if (!goesOn)
            {
                Tell(answered, mayRun: false);
                _arrival.Dispose();
                _closed.TrySetResult();
                return;
            }

            if (TryReceive())
            {
                // From here on this may run at the same time on another thread.
                // A program can ask the runtime to complete receives on its own socket thread: nobody's code may run there.
                Tell(answered, mayRun: Thread.CurrentThread.IsThreadPoolThread);
                return;
            }

            Tell(answered, mayRun: false);
        }
    }

    /// <summary>Reads on the calling thread, once something has come, and goes on here with renewals that are answered.</summary>
    /// <returns>False when the connection has ended.</returns>
    public bool ReadHere()
    {
        Socket.Poll(Timeout.InfiniteTimeSpan, SelectMode.SelectRead);
        var received = Socket.Receive(Input.Room().Span, SocketFlags.None, out var error);
        if (error == SocketError.WouldBlock)
            return true;
        Volatile.Write(ref _lastHeard, Time.GetTimestamp());
        var goesOn = OnReceived(received, error);
        for (var answered = TakeAnswered(); answered is not null;)
        {
            var next = answered.NextAnswered;
            answered.NextAnswered = null;
            answered.GoOnWithoutThePool();
            answered = next;
        }

        if (!goesOn)
        {
            _arrival.Dispose();
            _closed.TrySetResult();
        }

        return goesOn;
    }

    private bool OnArrival()
    {
        Volatile.Write(ref _lastHeard, Time.GetTimestamp());
        return OnReceived(_arrival.BytesTransferred, _arrival.SocketError);
    }

    private void Answered(PendingAnswer pending)
    {
        pending.IsAnswered = true;
        if (_lastAnswered is null)
            _firstAnswered = pending;
        else
            _lastAnswered.NextAnswered = pending;
        _lastAnswered = pending;
    }

    private PendingAnswer? TakeAnswered()
    {
        var first = _firstAnswered;
        _firstAnswered = _lastAnswered = null;
        return first;
    }

    private static void Tell(PendingAnswer? answered, bool mayRun)
    {
        while (answered is not null)
        {
            var next = answered.NextAnswered;
            answered.NextAnswered = null;
            if (next is null && mayRun)
                answered.Execute();
            else
                ThreadPool.UnsafeQueueUserWorkItem(answered, preferLocal: mayRun);
            answered = next;
        }
    }

    private sealed class Arrival(BrokerConnection connection) : SocketAsyncEventArgs(true)
    {
        protected override void OnCompleted(SocketAsyncEventArgs e) => connection.OnReceiveCompleted();
    }

    private sealed class Flusher(OutputQueue output) : IThreadPoolWorkItem
    {
        private int _isQueued;

        public void Queue()
        {
            if (Interlocked.Exchange(ref _isQueued, 1) == 0)
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        public void Execute()
        {
            // Before the flush: what is appended after the flush has looked queues it again.
            Interlocked.Exchange(ref _isQueued, 0);
            output.Flush();
        }
    }
}
