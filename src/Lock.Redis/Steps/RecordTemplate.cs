using System.Text;

namespace Locking;

/// <summary>What a record of the native format will be: the holder's id, a place for the token, the owner. The server puts the token
/// in.</summary>
internal static class RecordTemplate
{
    /// <summary>Digits of a token: of every one between the years 2001 and 2255.</summary>
    private const int Digits = 16;

    private static ReadOnlySpan<byte> Place => " %i "u8;

    /// <summary>The template, with every other per cent sign doubled.</summary>
    public static byte[] Of(string holderId, string owner)
    {
        (string id, string behind) = (Escape(holderId), Escape(owner));
        int idLength = Encoding.UTF8.GetByteCount(id);
        byte[] template = new byte[idLength + Place.Length + Encoding.UTF8.GetByteCount(behind)];
        Encoding.UTF8.GetBytes(id, template);
        Place.CopyTo(template.AsSpan(idLength));
        Encoding.UTF8.GetBytes(behind, template.AsSpan(idLength + Place.Length));
        return template;
    }

    /// <summary>The record that the server makes of a template; null where only the server can tell.</summary>
    public static byte[]? Fill(ReadOnlySpan<byte> template, long token)
    {
        Span<byte> digits = stackalloc byte[20];
        if (template.Count((byte)'%') != 1 || !token.TryFormat(digits, out int length, default, null) || length != Digits)
            return null;
        int at = template.IndexOf(Place) + 1;
        byte[] record = new byte[template.Length - 2 + Digits];
        template[..at].CopyTo(record);
        digits[..Digits].CopyTo(record.AsSpan(at));
        template[(at + 2)..].CopyTo(record.AsSpan(at + Digits));
        return record;
    }

    private static string Escape(string text) =>
        text.Contains('%', StringComparison.Ordinal) ? text.Replace("%", "%%", StringComparison.Ordinal) : text;
}
