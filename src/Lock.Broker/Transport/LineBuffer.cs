using System.Buffers;

namespace Locking;

/// <summary>What has been received and not been handled: bytes in, whole lines out. Has no buffer while it is empty and released.</summary>
internal sealed class LineBuffer(int longestLine)
{
    private const int FirstSize = 16 * 1024;
    private const int SmallestRead = 2 * 1024;

    private byte[] _bytes = [];
    private int _start;
    private int _seen;
    private int _end;
    private bool _hasTooLong;

    /// <summary>Whether the next line is longer than it may be, its end not counted; with it the connection is over.</summary>
    public bool IsTooLong
    {
        get
        {
            // A carriage return may be the first half of a line end whose second half is on its way.
            int begun = _end - _start;
            return _hasTooLong || begun > longestLine + 1 || (begun > longestLine && _bytes[_end - 1] != (byte)'\r');
        }
    }

    /// <summary>How many bytes have come and not been taken.</summary>
    public int Pending => _end - _start;

    /// <summary>Where to put what comes next.</summary>
    public Memory<byte> Room()
    {
        if (_bytes.Length - _end < SmallestRead)
            MakeRoom();
        return _bytes.AsMemory(_end);
    }

    /// <summary>So many bytes have been put into the <see cref="Room"/>.</summary>
    public void Added(int bytes) => _end += bytes;

    /// <summary>Takes the next whole line, without its end; it stays valid until the next <see cref="Room"/>.</summary>
    /// <returns>False when there is none, or when it <see cref="IsTooLong"/>.</returns>
    public bool TryTake(out ReadOnlySpan<byte> line)
    {
        int at = _bytes.AsSpan(_seen, _end - _seen).IndexOf((byte)'\n');
        if (at < 0)
        {
            // What was searched once is not searched again: a long line in many pieces costs its length, not its square.
            _seen = _end;
            line = default;
            return false;
        }

        at += _seen;
        line = _bytes.AsSpan(_start, at - _start);
        if (line.Length > 0 && line[^1] == (byte)'\r')
            line = line[..^1];
        if (line.Length > longestLine)
        {
            _hasTooLong = true;
            return false;
        }

        _start = _seen = at + 1;
        return true;
    }

    /// <summary>Gives the buffer back if nothing is in it.</summary>
    public void Release()
    {
        if (_start != _end || _bytes.Length == 0)
            return;
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = [];
        _start = _seen = _end = 0;
    }

    /// <summary>Gives the buffer back, and what is in it up.</summary>
    public void Close()
    {
        _start = _end;
        Release();
    }

    private void MakeRoom()
    {
        int length = _end - _start;
        byte[] target = _bytes;
        if (_bytes.Length - length < Math.Max(SmallestRead, _bytes.Length / 2))
            target = ArrayPool<byte>.Shared.Rent(Math.Max(FirstSize, _bytes.Length * 2));
        _bytes.AsSpan(_start, length).CopyTo(target);
        if (!ReferenceEquals(target, _bytes) && _bytes.Length > 0)
            ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = target;
        (_start, _seen, _end) = (0, _seen - _start, length);
    }
}
