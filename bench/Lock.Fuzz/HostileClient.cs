using System.Buffers.Text;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Locking.Fuzz;

/// <summary>Sends made-up lines over one connection after another, and reads what the broker says to them.</summary>
internal sealed class HostileClient(Func<Socket> connect, int seed)
{
    private const int LinesPerBatch = 200;

    private static readonly byte[] s_granted = Encoding.ASCII.GetBytes("{\"type\":\"lk-granted\",\"n\":");
    private static readonly byte[] s_acquired = Encoding.ASCII.GetBytes("\"acquired\":true");
    private static readonly byte[] s_pinnedKey = Encoding.ASCII.GetBytes($"\"key\":\"{FuzzLines.Pinned}");

    private readonly FuzzLines _lines = new(seed);
    private readonly Random _random = new(seed);

    /// <summary>Answers that were read.</summary>
    public long Answers { get; private set; }

    /// <summary>Grants among them.</summary>
    public long Grants { get; private set; }

    /// <summary>Grants of keys that somebody else held.</summary>
    public long WrongGrants { get; private set; }

    /// <summary>Connections that the broker ended.</summary>
    public int Cut { get; private set; }

    public async Task RunAsync(long lines)
    {
        while (lines > 0)
        {
            using Socket socket = connect();
            var reading = Task.Run(() => ReadAsync(socket));
            try
            {
                for (int batches = _random.Next(1, 60); batches > 0 && lines > 0; batches--)
                {
                    for (ReadOnlyMemory<byte> rest = _lines.Batch(LinesPerBatch); rest.Length > 0;)
                        rest = rest[await socket.SendAsync(rest)..];
                    lines -= LinesPerBatch;
                }

                // Closed properly, or broken off in the middle of a line.
                if (_random.Next(2) == 0)
                    await socket.SendAsync(Encoding.ASCII.GetBytes("{\"type\":\"lo"));
                socket.Shutdown(SocketShutdown.Send);
            }
            catch (SocketException)
            {
                Cut++;
            }

            await reading.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System);
        }
    }

    private async Task ReadAsync(Socket socket)
    {
        byte[] buffer = new byte[256 * 1024];
        int kept = 0;
        try
        {
            while (await socket.ReceiveAsync(buffer.AsMemory(kept)) is > 0 and var got)
            {
                Span<byte> rest = buffer.AsSpan(0, kept + got);
                for (int end = rest.IndexOf((byte)'\n'); end >= 0; end = rest.IndexOf((byte)'\n'))
                {
                    Look(rest[..end]);
                    rest = rest[(end + 1)..];
                }

                kept = rest.Length;
                if (kept == buffer.Length)
                    throw new InvalidOperationException(
                        string.Create(CultureInfo.InvariantCulture, $"The broker sent a line of more than {kept} bytes."));
                rest.CopyTo(buffer);
            }
        }
        catch (SocketException)
        {
            Cut++;
        }
    }

    private void Look(ReadOnlySpan<byte> line)
    {
        Answers++;
        if (line.StartsWith(s_granted))
        {
            Grants++;
            if (Utf8Parser.TryParse(line[s_granted.Length..], out long number, out _)
                && number is >= FuzzLines.PinnedNumbers and < FuzzLines.PinnedNumbers + 1000)
            {
                WrongGrants++;
            }
        }
        else if (line.IndexOf(s_acquired) >= 0)
        {
            Grants++;
            if (line.IndexOf(s_pinnedKey) >= 0)
                WrongGrants++;
        }
    }
}
