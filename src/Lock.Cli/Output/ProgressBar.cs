namespace Locking;

/// <summary>A bar on standard error that fills with time; nothing at all where that is no terminal.</summary>
internal sealed class ProgressBar : IDisposable
{
    private const int Width = 30;

    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly TimeSpan _duration;
    private readonly ITimer? _timer;
    private readonly long _began;
    private string _title = "";
    private bool _ended;

    /// <summary>Begins to draw.</summary>
    /// <param name="duration">After which it is full.</param>
    /// <param name="time">The clock.</param>
    public ProgressBar(TimeSpan duration, TimeProvider time)
    {
        _duration = duration;
        _time = time;
        _began = time.GetTimestamp();
        if (!Console.IsErrorRedirected)
            _timer = time.CreateTimer(static bar => ((ProgressBar)bar!).Draw(), this, TimeSpan.Zero, s_period);
    }

    /// <summary>Says what is being done.</summary>
    public void Show(string title)
    {
        lock (_gate)
            _title = title;
    }

    /// <summary>Takes the bar away.</summary>
    public void Dispose()
    {
        if (_timer is null)
            return;
        _timer.Dispose();

        // A drawing that is under way has to be over, or the bar would stand behind what is printed next.
        lock (_gate)
        {
            _ended = true;
            Streams.RawError("\r\x1b[K");
        }
    }

    private void Draw()
    {
        lock (_gate)
        {
            if (_ended)
                return;
            double share = Math.Min(1, _time.GetElapsedTime(_began) / _duration);
            int full = (int)(share * Width);
            Streams.RawError($"\r[{new string('#', full)}{new string('.', Width - full)}] {(int)(share * 100),3} %  {_title}\x1b[K");
        }
    }
}
