namespace Locking.Torture;

/// <summary>Where one process writes what happens to it.</summary>
public abstract class HistoryLog : IDisposable
{
    /// <summary>The machine's monotonic time in ticks: the same for all processes.</summary>
    public static long Now => TimeProvider.System.GetElapsedTime(0).Ticks;

    /// <summary>Writes a line.</summary>
    public abstract void Add(HistoryEvent one);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes it.</summary>
    protected abstract void Dispose(bool disposing);
}

/// <summary>A history that stays in memory.</summary>
public sealed class MemoryLog : HistoryLog
{
    private readonly Lock _gate = new();
    private readonly List<HistoryEvent> _events = [];

    /// <inheritdoc/>
    public override void Add(HistoryEvent one)
    {
        lock (_gate)
            _events.Add(one);
    }

    /// <summary>What was written so far.</summary>
    public List<HistoryEvent> Events()
    {
        lock (_gate)
            return [.. _events];
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
    }
}

/// <summary>A history in a file. Each line is handed to the system at once: whoever is killed leaves all its lines.</summary>
public sealed class FileLog(string path) : HistoryLog
{
    private readonly Lock _gate = new();
    private readonly FileStream _file = new(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);

    /// <inheritdoc/>
    public override void Add(HistoryEvent one)
    {
        ArgumentNullException.ThrowIfNull(one);
        byte[] line = System.Text.Encoding.UTF8.GetBytes(one + "\n");
        lock (_gate)
            _file.Write(line);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (_gate)
            _file.Dispose();
    }
}
