using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Locking;

/// <summary>Refuses text from outside that is no UTF-8.</summary>
/// <remarks>
/// .NET puts U+FFFD in the place of each byte that it cannot read, so two different keys, secrets or paths would become one. A text that
/// really
/// holds U+FFFD is as good as any other, which only the bytes can tell.
/// </remarks>
internal static class GivenText
{
    private const char Replacement = '\uFFFD';

    /// <summary>Checks all that is read of a command line: every word, but for the arguments of a command that follows <c>--</c>.</summary>
    /// <param name="command">The command.</param>
    /// <param name="words">The whole command line of this process.</param>
    /// <exception cref="UsageException">A word is no UTF-8.</exception>
    public static void Check(CommandSpec command, string[] words)
    {
        // What is handed on is handed on byte for byte; only the name of its file is looked up.
        int end = command.TakesCommand ? Array.IndexOf(words, "--") : -1;
        int read = end < 0 ? words.Length : Math.Min(words.Length, end + 2);
        if (!Array.Exists(words, static word => word.Contains(Replacement, StringComparison.Ordinal)))
            return;
        byte[][] given = CommandWords.AsGiven(words);
        for (int i = 0; i < read; i++)
        {
            if (!Utf8.IsValid(given[i]))
                throw new UsageException(
                    $"the argument '{Shown(given[i])}' is not UTF-8. Two names that are not could not be told apart.", command);
        }
    }

    /// <summary>The value of an environment variable; null when it is not set.</summary>
    /// <exception cref="UsageException">The value is no UTF-8.</exception>
    public static string? Variable(string name)
    {
        string? value = Environment.GetEnvironmentVariable(name);
        if (value is null || OperatingSystem.IsWindows() || !value.Contains(Replacement, StringComparison.Ordinal))
            return value;

        // The value may be a secret: it is not shown.
        return Utf8.IsValid(InheritedEnvironment.Value(name))
            ? value
            : throw new UsageException($"the value of the environment variable {name} is not UTF-8.");
    }

    /// <summary>The text of a file.</summary>
    /// <exception cref="IOException">It cannot be read, or is no UTF-8.</exception>
    public static string File(string path)
    {
        ReadOnlySpan<byte> bytes = System.IO.File.ReadAllBytes(path);
        if (!Utf8.IsValid(bytes))
            throw new IOException("It is not UTF-8.");
        return Encoding.UTF8.GetString(bytes.StartsWith(Encoding.UTF8.Preamble) ? bytes[Encoding.UTF8.Preamble.Length..] : bytes);
    }

    /// <summary>A path from the command line or the configuration, whatever directory it will be used in.</summary>
    /// <exception cref="UsageException">It is relative to a directory whose name is no UTF-8.</exception>
    public static string FullPath(string path)
    {
        string full = Path.GetFullPath(path);
        if (!Path.IsPathRooted(path) && !OperatingSystem.IsWindows() && full.Contains(Replacement, StringComparison.Ordinal)
            && !Utf8.IsValid(LibC.CurrentDirectory()))
        {
            throw new UsageException(
                $"the path '{path}' is relative to the current directory, whose name is not UTF-8. Give the whole path of another one.");
        }

        return full;
    }

    /// <summary>Bytes as people can read them: <c>a\xffb</c>.</summary>
    private static string Shown(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder();
        while (!bytes.IsEmpty)
        {
            bool valid = Rune.DecodeFromUtf8(bytes, out Rune rune, out int length) == System.Buffers.OperationStatus.Done;
            if (valid)
                text.Append(rune.ToString());
            for (int i = 0; !valid && i < length; i++)
                text.Append(CultureInfo.InvariantCulture, $"\\x{bytes[i]:x2}");
            bytes = bytes[length..];
        }

        return text.ToString();
    }
}
