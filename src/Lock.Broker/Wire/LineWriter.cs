using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Locking;

/// <summary>Composes lines of JSON in a buffer that is used again and again. Not thread-safe.</summary>
internal sealed class LineWriter
{
    [ThreadStatic]
    private static LineWriter? s_t_ofThread;

    private static readonly SearchValues<char> s_mustEscape = SearchValues.Create(
        "\"\\\0\u0001\u0002\u0003\u0004\u0005\u0006\a\b\t\n\v\f\r\u000e\u000f"
        + "\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f");

    private byte[] _buffer = new byte[512];
    private int _length;

    /// <summary>A writer for one line; every thread has its own, and no line is composed while another is.</summary>
    public static LineWriter Begin() => (s_t_ofThread ??= new LineWriter()).Clear();

    /// <summary>What was composed since <see cref="Clear"/>.</summary>
    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, _length);

    public LineWriter Clear()
    {
        _length = 0;
        return this;
    }

    /// <summary>JSON text that is known to be right.</summary>
    public LineWriter Raw(ReadOnlySpan<byte> json)
    {
        json.CopyTo(Room(json.Length));
        _length += json.Length;
        return this;
    }

    public LineWriter Integer(long value)
    {
        Utf8Formatter.TryFormat(value, Room(20), out int written);
        _length += written;
        return this;
    }

    public LineWriter Boolean(bool value) => Raw(value ? "true"u8 : "false"u8);

    /// <summary>A JSON string with its quotes. Surrogates are written as escapes, so that a lone one arrives as what it was.</summary>
    public LineWriter Text(ReadOnlySpan<char> text)
    {
        Raw("\""u8);
        if (text.IndexOfAny(s_mustEscape) < 0 && text.IndexOfAnyInRange('\ud800', '\udfff') < 0)
        {
            _length += Encoding.UTF8.GetBytes(text, Room(Encoding.UTF8.GetMaxByteCount(text.Length)));
        }
        else
        {
            foreach (ref readonly char unit in text)
                Unit(in unit);
        }

        return Raw("\""u8);
    }

    /// <summary>A span in whole milliseconds, rounded up so that "some" never becomes "none"; null for none.</summary>
    public LineWriter Milliseconds(TimeSpan value) =>
        value == Timeout.InfiniteTimeSpan ? Raw("null"u8) : Integer(TimerSpan.WholeMilliseconds(value));

    private void Unit(in char unit)
    {
        if (unit is '"' or '\\')
        {
            Raw("\\"u8);
        }
        else if (unit < ' ' || char.IsSurrogate(unit))
        {
            Raw("\\u"u8);
            Utf8Formatter.TryFormat((int)unit, Room(4), out _, new StandardFormat('x', 4));
            _length += 4;
            return;
        }

        _length += Encoding.UTF8.GetBytes(new ReadOnlySpan<char>(in unit), Room(3));
    }

    private Span<byte> Room(int bytes)
    {
        if (_buffer.Length - _length < bytes)
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _length + bytes));
        return _buffer.AsSpan(_length);
    }
}
