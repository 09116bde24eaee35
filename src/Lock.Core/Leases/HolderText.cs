using System.Globalization;

namespace Locking;

/// <summary>A holder in words, as messages and logs tell of it.</summary>
internal static class HolderText
{
    public static string Of(string owner, string id, TimeSpan heldFor) =>
        string.Create(CultureInfo.InvariantCulture, $"owner '{owner}', id {id}, for {heldFor.TotalSeconds:0.0} s");
}
