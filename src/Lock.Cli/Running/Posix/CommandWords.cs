using System.Runtime.InteropServices;
using System.Text;

namespace Locking;

/// <summary>The words of a command line as they were given: .NET reads them as UTF-8 and replaces what is not.</summary>
internal static unsafe partial class CommandWords
{
    /// <summary>The words as bytes.</summary>
    /// <param name="words">The last words of this process's command line, or all of them.</param>
    public static byte[][] AsGiven(string[] words)
    {
        byte[][] result = new byte[words.Length][];
        List<byte[]> raw = NeedsRaw(words) ? Raw() : [];
        for (int i = 0; i < words.Length; i++)
        {
            result[i] = raw.Count >= words.Length ? raw[raw.Count - words.Length + i] : Encoding.UTF8.GetBytes(words[i]);
        }

        return result;
    }

    private static bool NeedsRaw(string[] words)
    {
        foreach (string word in words)
        {
            if (word.Contains('\uFFFD', StringComparison.Ordinal))
                return !OperatingSystem.IsWindows();
        }

        return false;
    }

    /// <summary>The whole command line of this process; the command's words are its last ones.</summary>
    private static List<byte[]> Raw()
    {
        var words = new List<byte[]>();
        if (OperatingSystem.IsMacOS())
        {
            for (byte** word = *_NSGetArgv(); *word is not null; word++)
                words.Add(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(*word).ToArray());
            return words;
        }

        Span<byte> all = File.ReadAllBytes("/proc/self/cmdline").AsSpan();
        while (!all.IsEmpty)
        {
            int end = all.IndexOf((byte)0);
            words.Add(all[..(end < 0 ? all.Length : end)].ToArray());
            all = end < 0 ? [] : all[(end + 1)..];
        }

        return words;
    }

    [LibraryImport("libc")]
    private static partial byte*** _NSGetArgv();
}
