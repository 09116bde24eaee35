using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;

namespace Locking;

/// <summary>One connection that speaks lines: a loop reads whole lines in batches, and answers leave in one write per batch.</summary>
internal abstract class LineConnection
{
    private static readonly StreamPipeReaderOptions _readerOptions = new(bufferSize: 8192, minimumReadSize: 1024, leaveOpen: true);

    private static readonly TimeSpan _farewell = TimeSpan.FromSeconds(1);

    private readonly Socket _socket;
    private readonly int _longestLine;
    private int _cut;

    protected LineConnection(Socket socket, int longestLine, int unreadOutput)
    {
        _socket = socket;
        _longestLine = longestLine;
        Output = new OutputQueue(socket, unreadOutput);
    }

    /// <summary>The outgoing side.</summary>
    public OutputQueue Output { get; }

    /// <summary>Whether nothing more is read while the other side does not read. Only one side may do so: two would wait for each other.</summary>
    protected abstract bool WaitsForReader { get; }

    /// <summary>Handles one line, without its line end. Never throws for what stands in the line.</summary>
    protected abstract void OnLine(ReadOnlySpan<byte> line);

    /// <summary>Called around each batch of lines that arrived together.</summary>
    protected abstract void OnBatch(in ReadOnlySequence<byte> lines);

    /// <summary>Called once, when nothing more will be read.</summary>
    protected abstract void OnEnded(ConnectionEnd end, string why);

    /// <summary>Hands each line of a batch to <see cref="OnLine"/>.</summary>
    protected void EachLine(in ReadOnlySequence<byte> lines)
    {
        var rest = lines;
        while (!rest.IsEmpty && Volatile.Read(ref _cut) == 0)
        {
            var first = rest.FirstSpan;
            var end = first.IndexOf((byte)'\n');
            if (end >= 0)
            {
                Line(first[..end]);
                rest = rest.Slice(end + 1);
                continue;
            }

            // The line goes on in the next segment: put it together once.
            var position = rest.PositionOf((byte)'\n')!.Value;
            var line = rest.Slice(0, position);
            var length = (int)line.Length;
            var copy = ArrayPool<byte>.Shared.Rent(length);
            line.CopyTo(copy);
            Line(copy.AsSpan(0, length));
            ArrayPool<byte>.Shared.Return(copy);
            rest = rest.Slice(rest.GetPosition(1, position));
        }
    }

    /// <summary>Reads until the connection ends.</summary>
    public async Task RunAsync()
    {
        var end = ConnectionEnd.Broken;
        var why = "";
        var stream = new NetworkStream(_socket, ownsSocket: false);
        var reader = PipeReader.Create(stream, _readerOptions);
        try
        {
            while (Volatile.Read(ref _cut) == 0)
            {
                var read = await reader.ReadAsync().ConfigureAwait(false);
                if (read.IsCompleted && read.Buffer.IsEmpty)
                {
                    (end, why) = Volatile.Read(ref _cut) == 0 ? (ConnectionEnd.Closed, "the other side closed it") : (end, why);
                    break;
                }

                var consumed = Handle(read.Buffer, out why);
                reader.AdvanceTo(consumed, read.Buffer.End);
                if (why.Length > 0)
                    break;
                if (read.IsCompleted)
                {
                    // A last line without its end is dropped.
                    end = ConnectionEnd.Closed;
                    break;
                }

                // Who does not read its answers is not read from either; what must be sent unasked counts against the limit.
                if (WaitsForReader && Output.Pending > 0)
                    await Output.WhenDrainedAsync().ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            why = e.Message;
        }

        if (Volatile.Read(ref _cut) != 0)
            end = ConnectionEnd.Broken;
        OnEnded(end, why);
        await reader.CompleteAsync().ConfigureAwait(false);
        await stream.DisposeAsync().ConfigureAwait(false);
        if (end == ConnectionEnd.Closed)
        {
            // Half-closed: what was answered before may still be on its way.
            Output.Flush();
        }

        Close();
    }

    /// <summary>Ends the connection from this side, at once; may be called by anybody.</summary>
    public void Cut()
    {
        if (Interlocked.Exchange(ref _cut, 1) != 0)
            return;
        Output.Close();
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It was gone already; the reading side ends by itself.
        }
    }

    /// <summary>Closes this side properly: all that was sent arrives, and the other side sees that we went by ourselves.</summary>
    public async Task HangUpAsync(Task reading, TimeProvider time)
    {
        try
        {
            await Output.WhenDrainedAsync().WaitAsync(_farewell, time).ConfigureAwait(false);
            _socket.Shutdown(SocketShutdown.Send);
            await reading.WaitAsync(_farewell, time).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or SocketException or ObjectDisposedException)
        {
            Cut();
        }
    }

    private void Close()
    {
        Output.Close();
        _socket.Dispose();
    }

    private SequencePosition Handle(in ReadOnlySequence<byte> buffer, out string why)
    {
        why = "";
        var last = LastLineEnd(buffer);
        if (last is { } end)
            OnBatch(buffer.Slice(0, end));
        var rest = last is { } position ? buffer.Slice(position) : buffer;
        if (rest.Length > _longestLine)
            why = $"a line was longer than {_longestLine} bytes";
        return rest.Start;
    }

    /// <summary>The position after the last line end; null when no line is whole yet.</summary>
    private static SequencePosition? LastLineEnd(in ReadOnlySequence<byte> buffer)
    {
        if (buffer.IsSingleSegment)
        {
            var at = buffer.FirstSpan.LastIndexOf((byte)'\n');
            return at < 0 ? null : buffer.GetPosition(at + 1);
        }

        long passed = 0;
        long found = -1;
        foreach (var segment in buffer)
        {
            var at = segment.Span.LastIndexOf((byte)'\n');
            if (at >= 0)
                found = passed + at + 1;
            passed += segment.Length;
        }

        return found < 0 ? null : buffer.GetPosition(found);
    }

    private void Line(ReadOnlySpan<byte> line)
    {
        if (line.Length > 0 && line[^1] == (byte)'\r')
            line = line[..^1];
        if (line.Length > 0)
            OnLine(line);
    }
}
