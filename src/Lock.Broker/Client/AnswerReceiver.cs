using System.Net.Sockets;

namespace Locking;

/// <summary>The incoming side of a client's connection.</summary>
/// <remarks>
/// Answers are told only once the next receive has been asked for, so that a caller that blocks its thread after an answer holds up nobody
/// else:
/// what comes next is read on another thread of the pool. The last answer of a batch goes on on the thread that has read it; the
/// others can be taken by any thread.
/// </remarks>
internal sealed class AnswerReceiver : SocketAsyncEventArgs
{
    private readonly Socket _socket;
    private readonly LineBuffer _input;
    private readonly AnsweredBatch _answered;
    private readonly TimeProvider _time;
    private readonly Func<int, SocketError, bool> _take;
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _lastHeard;

    /// <summary>Creates one that does not read yet.</summary>
    /// <param name="socket">What it reads.</param>
    /// <param name="input">Where that is put.</param>
    /// <param name="answered">What the lines have answered.</param>
    /// <param name="time">The clock.</param>
    /// <param name="take">Handles what a receive has brought; false when the connection has ended.</param>
    public AnswerReceiver(Socket socket, LineBuffer input, AnsweredBatch answered, TimeProvider time, Func<int, SocketError, bool> take)
        : base(true)
    {
        _socket = socket;
        _input = input;
        _answered = answered;
        _time = time;
        _take = take;
        _lastHeard = time.GetTimestamp();
    }

    /// <summary>Completes when nothing more will be read.</summary>
    public Task Closed => _closed.Task;

    /// <summary>How long nothing has come.</summary>
    public TimeSpan QuietFor => _time.GetElapsedTime(Volatile.Read(ref _lastHeard));

    /// <summary>Begins to read.</summary>
    public void Read()
    {
        if (!TryReceive())
            OnReceiveCompleted();
    }

    /// <summary>Reads on the calling thread, once something has come, and goes on here with renewals that are answered.</summary>
    /// <returns>False when the connection has ended.</returns>
    public bool ReadHere()
    {
        _socket.Poll(Timeout.InfiniteTimeSpan, SelectMode.SelectRead);
        int received = _socket.Receive(_input.Room().Span, SocketFlags.None, out SocketError error);
        if (error == SocketError.WouldBlock)
            return true;
        bool goesOn = Take(received, error);
        AnsweredBatch.TellWithoutThePool(_answered.Take());
        if (!goesOn)
            End();
        return goesOn;
    }

    /// <inheritdoc/>
    protected override void OnCompleted(SocketAsyncEventArgs e) => OnReceiveCompleted();

    /// <summary>Asks for what comes next.</summary>
    /// <returns>True when something will come later, on another thread; false when it has come.</returns>
    private bool TryReceive()
    {
        SetBuffer(_input.Room());
        return _socket.ReceiveAsync(this);
    }

    private void OnReceiveCompleted()
    {
        while (true)
        {
            bool goesOn = Take(BytesTransferred, SocketError);
            PendingAnswer? answered = _answered.Take();
            if (!goesOn)
            {
                AnsweredBatch.Tell(answered, mayRun: false);
                End();
                return;
            }

            if (TryReceive())
            {
                // From here on this may run at the same time on another thread.
                // A program can ask the runtime to complete receives on its own socket thread: nobody's code may run there.
                AnsweredBatch.Tell(answered, mayRun: Thread.CurrentThread.IsThreadPoolThread);
                return;
            }

            AnsweredBatch.Tell(answered, mayRun: false);
        }
    }

    private bool Take(int bytes, SocketError error)
    {
        Volatile.Write(ref _lastHeard, _time.GetTimestamp());
        return _take(bytes, error);
    }

    private void End()
    {
        Dispose();
        _closed.TrySetResult();
    }
}
