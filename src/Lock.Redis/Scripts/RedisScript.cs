using System.Security.Cryptography;
using System.Text;

namespace Locking;

/// <summary>One script: its text and the hash it is called by.</summary>
internal sealed class RedisScript
{
    /// <summary>Puts a script together from the embedded files; the last is the step, those before it are what it uses.</summary>
    public RedisScript(params ReadOnlySpan<string> files)
    {
        var text = new StringBuilder();
        foreach (string file in files)
            text.Append(Read(file));
        Text = text.ToString();
        Step = Path.GetFileNameWithoutExtension(files[^1]);
        Hash = HashOf(Text);
    }

    /// <summary>What it does, for messages.</summary>
    public string Step { get; }

    /// <summary>The text.</summary>
    public string Text { get; }

    /// <summary>The server's name for it.</summary>
    public byte[] Hash { get; }

    private static string Read(string file)
    {
        using Stream stream = typeof(RedisScript).Assembly.GetManifestResourceStream(file)
            ?? throw new InvalidOperationException($"The script {file} is not in the assembly.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

#pragma warning disable CA5350 // SHA-1 is the server's name for a script, no protection.
    private static byte[] HashOf(string text) => SHA1.HashData(Encoding.UTF8.GetBytes(text));
#pragma warning restore CA5350
}
