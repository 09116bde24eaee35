using System.Text;

namespace Locking;

/// <summary>Writes to the standard streams as they are: nothing is buffered, and the terminal's settings are left alone.</summary>
internal static class Streams
{
    /// <summary>Writes a text to standard output.</summary>
    public static void Out(string text)
    {
        using Stream stream = Console.OpenStandardOutput();
        Write(stream, text);
    }

    /// <summary>Writes a line to standard error, with the name of the command before it.</summary>
    public static void Error(string line)
    {
        RawError($"lock: {line}\n");
    }

    /// <summary>Writes to standard error as it is.</summary>
    /// <remarks>While the command is in front of a terminal that is set to <c>stty tostop</c>, this would stop us, and nobody would tell the command
    /// that its lock is lost.</remarks>
    public static void RawError(string text)
    {
        using Stream stream = Console.OpenStandardError();
        if (OperatingSystem.IsWindows())
        {
            Write(stream, text);
            return;
        }

        using Signals.HeldBack held = Signals.HoldBack(Signals.TerminalOutput);
        Write(stream, text);
    }

    private static void Write(Stream stream, string text)
    {
        try
        {
            stream.Write(Encoding.UTF8.GetBytes(text));
        }
        catch (IOException)
        {
            // Nobody reads any more (a closed pipe): there is nobody to tell.
        }
    }
}
