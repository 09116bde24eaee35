using System.Globalization;

namespace Locking.Torture;

/// <summary>How long a thread of this process has waited for a processor although it was ready, as the Linux scheduler counts it.</summary>
public sealed class ThreadDelay(string name)
{
    // The kernel keeps 15 characters.
    private readonly string _name = name[..Math.Min(15, name.Length)];
    private FileStream? _schedule;
    private long _last;
    private long _nextSearch;

    /// <summary>How much it has waited since the last look, in ticks; zero where nothing tells.</summary>
    public long SinceLastLook()
    {
        if (_schedule is null && !Find())
            return 0;
        Span<byte> text = stackalloc byte[100];
        _schedule!.Position = 0;
        string[] words = System.Text.Encoding.ASCII.GetString(text[.._schedule.Read(text)]).Split(' ');
        if (words.Length < 2)
            return 0;
        long waited = long.Parse(words[1], CultureInfo.InvariantCulture) / 100;
        long since = waited - _last;
        _last = waited;
        return since;
    }

    private bool Find()
    {
        if (HistoryLog.Now < _nextSearch || !Directory.Exists("/proc/self/task"))
            return false;
        _nextSearch = HistoryLog.Now + (TimeSpan.TicksPerMillisecond * 100);
        foreach (string task in Directory.EnumerateDirectories("/proc/self/task"))
        {
            if (File.ReadAllText(Path.Combine(task, "comm")).TrimEnd() != _name)
                continue;
            _schedule = new FileStream(Path.Combine(task, "schedstat"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            SinceLastLook();
            return true;
        }

        return false;
    }
}
