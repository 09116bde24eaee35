using System.Text;

namespace Locking;

/// <summary>Prepares a password for SCRAM (RFC 4013): one spelling for what looks the same.</summary>
internal static class SaslPrep
{
    /// <summary>Maps, normalizes and checks the text.</summary>
    /// <exception cref="FormatException">The text holds characters that a password cannot have. The message does not show it.</exception>
    public static string Prepare(string text)
    {
        if (IsPlain(text)) return text;
        var mapped = new StringBuilder(text.Length);
        foreach (char c in text)
        {
            if (IsMappedToSpace(c)) mapped.Append(' ');
            else if (!IsMappedToNothing(c)) mapped.Append(c);
        }

        string prepared = Normalize(mapped.ToString());
        if (prepared.Any(char.IsControl)) throw new FormatException("The password holds a control character, which SCRAM does not allow.");
        return prepared;
    }

    private static string Normalize(string text)
    {
        try
        {
            return text.Normalize(NormalizationForm.FormKC);
        }
        catch (ArgumentException e)
        {
            throw new FormatException("The password is not valid Unicode.", e);
        }
    }

    private static bool IsPlain(string text) => !text.AsSpan().ContainsAnyExceptInRange(' ', '~');

    private static bool IsMappedToSpace(char c) => c is '\u00A0' or '\u1680' or (>= '\u2000' and <= '\u200A') or '\u202F' or '\u205F' or '\u3000';

    private static bool IsMappedToNothing(char c) =>
        c is '\u00AD' or '\u034F' or '\u1806' or (>= '\u180B' and <= '\u180D') or (>= '\u200B' and <= '\u200D') or '\u2060' or (>= '\uFE00' and <= '\uFE0F') or '\uFEFF';
}
