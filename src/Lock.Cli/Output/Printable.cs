using System.Globalization;
using System.Text;

namespace Locking;

/// <summary>Keys and names as they can be shown: a control character in somebody's key must not reach a terminal.</summary>
internal static class Printable
{
    public static string Text(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (char c in text)
        {
            if (char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.Format or UnicodeCategory.LineSeparator)
                result.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                result.Append(c);
        }

        return result.ToString();
    }
}
