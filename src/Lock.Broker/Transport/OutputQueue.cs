using System.Net.Sockets;

namespace Locking;

/// <summary>
/// The outgoing side of one connection: lines are appended by anybody, and sent in as few writes as possible by one of them at a time, who
/// never waits for the other side.
/// </summary>
internal sealed class OutputQueue
{
    private const int KeptBuffer = 64 * 1024;

    private readonly Lock _gate = new();
    private readonly Socket _socket;
    private readonly int _limit;
    private byte[] _pending = [];
    private byte[] _spare = [];
    private int _length;
    private bool _sending;
    private bool _closed;
    private TaskCompletionSource? _drained;

    public OutputQueue(Socket socket, int limit)
    {
        _socket = socket;
        _limit = limit;
    }

    /// <summary>Called before anything leaves that was added before: what must be on the disk first is forced there. Null:
    /// nothing.</summary>
    public Action? BeforeSend { get; init; }

    /// <summary>Adds lines; they leave with the next <see cref="Flush"/>.</summary>
    /// <returns>False when the other side reads so slowly that the limit is reached: the connection must be cut.</returns>
    public bool Append(ReadOnlySpan<byte> lines)
    {
        lock (_gate)
        {
            if (_closed)
                return true;
            if (_length + lines.Length > _limit)
                return false;
            if (_pending.Length - _length < lines.Length)
                Array.Resize(ref _pending, Math.Max(Math.Max(_pending.Length * 2, 1024), _length + lines.Length));
            lines.CopyTo(_pending.AsSpan(_length));
            _length += lines.Length;
            return true;
        }
    }

    /// <summary>Sends what was appended, unless that is under way: then it goes with the next write there. Never waits: what the system
    /// does not take at once is sent when it does.</summary>
    public void Flush()
    {
        lock (_gate)
        {
            if (_sending || _closed || _length == 0)
                return;
            _sending = true;
        }

        try
        {
            while (Next(out ReadOnlyMemory<byte> batch))
            {
                if (!TrySend(ref batch))
                {
                    _ = PumpAsync(batch);
                    return;
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The reading side notices how the connection ended, and that decides what becomes of its locks.
            Close();
        }
    }

    /// <summary>Completes when all that was appended so far has been handed to the system, or the connection is closed.</summary>
    public Task WhenDrainedAsync()
    {
        lock (_gate)
        {
            if (_closed || (_length == 0 && !_sending))
                return Task.CompletedTask;
            return (_drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    /// <summary>Whether the system has not taken all that was to be sent.</summary>
    public bool IsSending => Volatile.Read(ref _sending);

    /// <summary>Drops what was not sent.</summary>
    public void Close()
    {
        TaskCompletionSource? drained;
        lock (_gate)
        {
            _closed = true;
            _length = 0;
            _pending = [];
            _spare = [];
            (drained, _drained) = (_drained, null);
        }

        drained?.TrySetResult();
    }

    /// <summary>Hands over what the system takes.</summary>
    /// <returns>False when the system takes no more for now; the rest is left in <paramref name="batch"/>.</returns>
    private bool TrySend(ref ReadOnlyMemory<byte> batch)
    {
        while (batch.Length > 0)
        {
            int sent = _socket.Send(batch.Span, SocketFlags.None, out SocketError error);
            if (error == SocketError.WouldBlock)
                return false;
            if (error != SocketError.Success)
                throw new SocketException((int)error);
            batch = batch[sent..];
        }

        return true;
    }

    private async Task PumpAsync(ReadOnlyMemory<byte> batch)
    {
        try
        {
            do
            {
                while (batch.Length > 0)
                    batch = batch[await _socket.SendAsync(batch, SocketFlags.None).ConfigureAwait(false)..];
            }
            while (Next(out batch));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            Close();
        }
    }

    /// <summary>Takes all that waits, or ends the pump.</summary>
    private bool Next(out ReadOnlyMemory<byte> batch)
    {
        TaskCompletionSource? drained = null;
        bool isMore;
        lock (_gate)
        {
            isMore = _length > 0 && !_closed;
            if (isMore)
            {
                batch = _pending.AsMemory(0, _length);
                (_pending, _spare) = (_spare.Length <= KeptBuffer ? _spare : [], _pending);
                _length = 0;
            }
            else
            {
                _sending = false;
                batch = default;
                (drained, _drained) = (_drained, null);
            }
        }

        if (isMore)
            BeforeSend?.Invoke();
        drained?.TrySetResult();
        return isMore;
    }
}
