using System.Security;
using System.Text;
using System.Text.Unicode;

namespace Locking;

/// <summary>Reads the text of a configuration, or the file it names, and says in each error where it came from.</summary>
internal static class ConfigText
{
    /// <summary>Reads JSON, or the file named after an <c>@</c>.</summary>
    /// <exception cref="LockConfigException">The text is empty, unreadable or wrong.</exception>
    public static LockConfig Read(string text, string? source, KnownProviders known)
    {
        string trimmed = text.Trim();
        if (trimmed.Length == 0)
        {
            throw new LockConfigException(
                "", "The configuration is empty. Allowed: JSON such as {\"type\": \"inMemory\"}, or @ and the name of a file.");
        }

        if (trimmed[0] != '@')
            return In(source, () => ConfigReader.Read(JsonNodes.Read(text), known));
        string file = trimmed[1..].Trim();
        return In(source, () => In($"the file {file}", () => ConfigReader.Read(JsonNodes.Read(ReadFile(file)), known)));
    }

    /// <summary>Reads nodes.</summary>
    /// <exception cref="LockConfigException">A setting is wrong.</exception>
    public static LockConfig Read(ConfigNode node, string source, KnownProviders known) => In(source, () => ConfigReader.Read(node, known));

    private static string ReadFile(string file)
    {
        if (file.Length == 0)
            throw new LockConfigException("", "No file is named after the @. Allowed: @ and the path of a file that holds JSON.");
        try
        {
            byte[] bytes = File.ReadAllBytes(file);

            // Read in spite of it, two names that differ there would become one.
            if (!Utf8.IsValid(bytes))
                throw new LockConfigException("", "The file is not UTF-8.");
            int mark = bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? Encoding.UTF8.Preamble.Length : 0;
            string text = Encoding.UTF8.GetString(bytes.AsSpan(mark));
            return string.IsNullOrWhiteSpace(text) ? throw new LockConfigException("", "The file is empty.") : text;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or SecurityException or NotSupportedException)
        {
            throw new LockConfigException("", $"The file cannot be read: {problem.Message}", problem);
        }
    }

    /// <summary>Does something with a configuration; an error says where that came from.</summary>
    public static T In<T>(string? source, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (LockConfigException problem) when (source is not null)
        {
            int prefix = problem.Path.Length == 0 ? 0 : problem.Path.Length + 2;
            throw new LockConfigException(problem.Path, $"{problem.Message[prefix..]} (In {source}.)", problem.InnerException);
        }
    }
}
