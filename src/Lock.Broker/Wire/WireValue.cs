using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Locking;

/// <summary>One JSON value of a line, still as the bytes that came: strings become .NET strings only where they are needed.</summary>
internal readonly ref struct WireValue
{
    private readonly bool _escaped;

    private WireValue(ReadOnlySpan<byte> raw, JsonTokenType kind, bool escaped)
    {
        Raw = raw;
        Kind = kind;
        _escaped = escaped;
    }

    /// <summary>The value as it stood in the line, quotes and all.</summary>
    public ReadOnlySpan<byte> Raw { get; }

    /// <summary>What it is; <see cref="JsonTokenType.None"/> when the field was missing.</summary>
    public JsonTokenType Kind { get; }

    public bool IsMissing => Kind == JsonTokenType.None;

    public bool IsString => Kind == JsonTokenType.String;

    public bool IsTrue => Kind == JsonTokenType.True;

    public bool IsFalse => Kind == JsonTokenType.False;

    public bool IsNull => Kind is JsonTokenType.None or JsonTokenType.Null;

    /// <summary>Reads the value that the reader stands on, and leaves the reader at its end.</summary>
    public static WireValue Read(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> line)
    {
        JsonTokenType kind = reader.TokenType;
        bool escaped = kind == JsonTokenType.String && reader.ValueIsEscaped;
        int start = (int)reader.TokenStartIndex;
        if (kind is JsonTokenType.StartObject or JsonTokenType.StartArray)
            reader.Skip();
        return new WireValue(line[start..(int)reader.BytesConsumed], kind, escaped);
    }

    /// <summary>The string, without its quotes and escapes; for any other kind the JSON text; null when missing or JSON null.</summary>
    public string? GetText()
    {
        if (IsNull)
            return null;
        if (!IsString)
            return Encoding.UTF8.GetString(Raw);
        ReadOnlySpan<byte> inner = Raw[1..^1];
        return _escaped ? Unescape(inner) : Encoding.UTF8.GetString(inner);
    }

    /// <summary>Whether it is a string that was written with escapes.</summary>
    public bool IsEscaped => _escaped;

    public bool TextEquals(ReadOnlySpan<byte> utf8) =>
        IsString && (_escaped ? Unescape(Raw[1..^1]) == Encoding.UTF8.GetString(utf8) : Raw[1..^1].SequenceEqual(utf8));

    /// <summary>The whole number, from a JSON number or a string of digits; fractions are cut off.</summary>
    public bool TryGetInteger(out long value)
    {
        value = 0;
        if (Kind is not (JsonTokenType.Number or JsonTokenType.String))
            return false;
        ReadOnlySpan<byte> digits = IsString ? Raw[1..^1] : Raw;
        if (Utf8Parser.TryParse(digits, out value, out int used) && used == digits.Length)
            return true;
        if (!double.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) || double.IsNaN(number))
            return false;
        value = number >= MaxExact ? MaxExact : number <= -MaxExact ? -MaxExact : (long)number;
        return true;
    }

    private const long MaxExact = 1L << 53;

    /// <summary>Undoes JSON's escapes. The line was checked by the JSON reader; a lone surrogate stays what it is, so that no two keys
    /// become one.</summary>
    private static string Unescape(ReadOnlySpan<byte> inner)
    {
        var text = new StringBuilder(inner.Length);
        while (!inner.IsEmpty)
        {
            int next = inner.IndexOf((byte)'\\');
            if (next < 0)
            {
                text.Append(Encoding.UTF8.GetString(inner));
                break;
            }

            text.Append(Encoding.UTF8.GetString(inner[..next]));
            byte code = inner[next + 1];
            if (code == (byte)'u')
            {
                _ = Utf8Parser.TryParse(inner.Slice(next + 2, 4), out ushort unit, out _, 'x');
                text.Append((char)unit);
                inner = inner[(next + 6)..];
                continue;
            }

            text.Append(code switch
            {
                (byte)'b' => '\b',
                (byte)'f' => '\f',
                (byte)'n' => '\n',
                (byte)'r' => '\r',
                (byte)'t' => '\t',
                _ => (char)code,
            });
            inner = inner[(next + 2)..];
        }

        return text.ToString();
    }
}
