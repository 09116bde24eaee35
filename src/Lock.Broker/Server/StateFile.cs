using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Locking;

/// <summary>What a broker must know of the one before it: until when a lease may live, and the last token.</summary>
/// <remarks>
/// <para>
/// Written ahead in coarse steps, before the grant that needs it is answered: most grants find themselves covered and write nothing.
/// Two slots are written in turn, each with a checksum, so that a torn write leaves the other one.
/// </para>
/// <para>
/// A killed process loses nothing that was written. A machine that goes down takes the clients of its sockets with it; only a broker that
/// clients on other machines use has its writes forced to the disk.
/// </para>
/// </remarks>
internal sealed class StateFile : IDisposable
{
    private const int SlotSize = 256;
    private const long TokensAhead = 1_000_000;

    private static readonly TimeSpan _shortestStep = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan _longestStep = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly bool _durable;
    private readonly SafeFileHandle _file;
    private readonly string _boot;
    private long _sequence;
    private long _coveredUntil = long.MinValue;
    private long _coveredToken = long.MinValue;
    private long _owedUntil = long.MinValue;
    private long _owedToken = long.MinValue;
    private bool _hasPermanent;
    private bool _owesPermanent;
    private bool _isBehind;
    private bool _closed;

    public StateFile(string path, bool durable, TimeProvider time)
    {
        _time = time;
        _durable = durable;
        _boot = BootId();
        _file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
        Load();

        // Both slots exist from now on, so that a disk that fills up later cannot refuse them.
        var now = Milliseconds(_time.GetTimestamp());
        for (var slot = 0; slot < 2; slot++)
            WriteUnsynchronized(now, Wait > TimeSpan.Zero ? now + (long)Wait.TotalMilliseconds : 0, LastToken);
    }

    /// <summary>How long a lease of the broker before may still live.</summary>
    public TimeSpan Wait { get; private set; }

    /// <summary>No token at or below this one may be given out.</summary>
    public long LastToken { get; private set; }

    /// <summary>Whether a write has failed, and what it was to record has not been recorded since.</summary>
    public bool IsBehind => Volatile.Read(ref _isBehind);

    /// <summary>Makes sure that a lease of this length, beginning now or earlier, and this token are on record.</summary>
    /// <param name="ttl">The lease; a never-expiring one that is not in the journal counts as <see cref="BrokerServer.PermanentWait"/>. Zero: only
    /// the token is to be recorded.</param>
    /// <param name="token">Its token, or 0.</param>
    public void Cover(TimeSpan ttl, long token)
    {
        var isPermanent = ttl == Timeout.InfiniteTimeSpan;
        if (isPermanent)
            ttl = BrokerServer.PermanentWait;
        var now = Milliseconds(_time.GetTimestamp());
        var needed = ttl == TimeSpan.Zero ? long.MinValue : now + (long)Math.Ceiling(ttl.TotalMilliseconds);
        if (needed <= Volatile.Read(ref _coveredUntil) && token <= Volatile.Read(ref _coveredToken)
            && (!isPermanent || Volatile.Read(ref _hasPermanent)))
        {
            return;
        }

        lock (_gate)
        {
            if (_closed || (needed <= _coveredUntil && token <= _coveredToken && (!isPermanent || _hasPermanent)))
                return;
            var step = TimeSpan.FromTicks(Math.Clamp(ttl.Ticks / 8, _shortestStep.Ticks, _longestStep.Ticks));
            if (needed != long.MinValue)
                _owedUntil = Math.Max(_owedUntil, needed + (long)step.TotalMilliseconds);
            _owedToken = Math.Max(_owedToken, token);
            _owesPermanent |= isPermanent;
            PayUnsynchronized(now);
        }
    }

    /// <summary>Tries once more to record what a write that failed has left out.</summary>
    public void CatchUp()
    {
        lock (_gate)
        {
            if (!_closed && IsBehind)
                PayUnsynchronized(Milliseconds(_time.GetTimestamp()));
        }
    }

    /// <summary>Whoever never expires is in the journal, or did not come back in time: the next write says so.</summary>
    public void ForgetPermanent(LeaseJournal journal)
    {
        lock (_gate)
        {
            // Asked here: whoever is not in the journal, because it has failed since, comes to this gate afterwards.
            if (!journal.IsBehind && !_isBehind)
                _hasPermanent = _owesPermanent = false;
        }
    }

    /// <summary>The broker ends with nothing held: the next one need not wait.</summary>
    public void CloseClean(long lastToken)
    {
        lock (_gate)
        {
            if (_closed)
                return;
            _hasPermanent = _owesPermanent = false;
            WriteUnsynchronized(Milliseconds(_time.GetTimestamp()), 0, lastToken);
            _closed = true;
        }
    }

    public void Dispose()
    {
        lock (_gate)
            _closed = true;
        _file.Dispose();
    }

    /// <summary>What a write could not record is owed until one succeeds: the leases it was for live on meanwhile.</summary>
    private void PayUnsynchronized(long now)
    {
        Volatile.Write(ref _isBehind, true);
        WriteUnsynchronized(now, Math.Max(_coveredUntil, _owedUntil), Math.Max(_owedToken, LastToken) + TokensAhead);
        Volatile.Write(ref _isBehind, false);
        _owedUntil = _owedToken = long.MinValue;
    }

    private void WriteUnsynchronized(long now, long until, long token)
    {
        var wall = until == 0 ? 0 : _time.GetUtcNow().ToUnixTimeMilliseconds() + until - now;
        var hasPermanent = _hasPermanent || _owesPermanent;
        var text = string.Create(CultureInfo.InvariantCulture, $"lock-broker 1 {_sequence + 1} {_boot} {until} {wall} {token} {(hasPermanent ? 1 : 0)}");
        var slot = new byte[SlotSize];
        slot.AsSpan().Fill((byte)' ');
        Encoding.ASCII.GetBytes($"{text} {Checksum(text):x16}", slot);
        slot[^1] = (byte)'\n';
        RandomAccess.Write(_file, slot, (_sequence + 1) % 2 * SlotSize);
        if (_durable)
            RandomAccess.FlushToDisk(_file);

        // Only now: a write that failed half-way is repeated in the same slot, and the good one stays.
        _sequence++;
        Volatile.Write(ref _hasPermanent, hasPermanent);
        LastToken = Math.Max(LastToken, token - TokensAhead);
        Volatile.Write(ref _coveredUntil, until);
        Volatile.Write(ref _coveredToken, token);
    }

    private void Load()
    {
        var bytes = new byte[2 * SlotSize];
        var read = RandomAccess.Read(_file, bytes, 0);
        for (var at = 0; at + SlotSize <= read; at += SlotSize)
            LoadSlot(Encoding.ASCII.GetString(bytes, at, SlotSize).TrimEnd());
    }

    private void LoadSlot(string slot)
    {
        var cut = slot.LastIndexOf(' ');
        if (cut < 0 || slot[(cut + 1)..] != Checksum(slot[..cut]).ToString("x16", CultureInfo.InvariantCulture))
            return;
        var fields = slot[..cut].Split(' ');
        if (fields.Length != 8 || fields[0] != "lock-broker" || fields[1] != "1")
            return;
        var sequence = long.Parse(fields[2], CultureInfo.InvariantCulture);
        if (sequence <= _sequence)
            return;
        _sequence = sequence;
        var until = long.Parse(fields[4], CultureInfo.InvariantCulture);
        var wall = long.Parse(fields[5], CultureInfo.InvariantCulture);
        LastToken = long.Parse(fields[6], CultureInfo.InvariantCulture);

        // Within one boot the monotonic clock is the same for every process; after another boot only the wall clock is left.
        var left = fields[3] == _boot && _boot != "-"
            ? until - Milliseconds(_time.GetTimestamp())
            : wall - _time.GetUtcNow().ToUnixTimeMilliseconds();
        Wait = until != 0 && left > 0 ? TimeSpan.FromMilliseconds(left) : TimeSpan.Zero;

        // A lease without expiry may live however long ago it was granted: its holder gets this time to come back, from now on.
        _hasPermanent = fields[7] == "1";
        if (_hasPermanent && Wait < BrokerServer.PermanentWait)
            Wait = BrokerServer.PermanentWait;
    }

    private long Milliseconds(long timestamp) => (long)((Int128)timestamp * 1000 / _time.TimestampFrequency);

    private static ulong Checksum(string text)
    {
        var hash = 14695981039346656037UL;
        foreach (var c in text)
            hash = (hash ^ c) * 1099511628211UL;
        return hash;
    }

    private static string BootId()
    {
        const string path = "/proc/sys/kernel/random/boot_id";
        return OperatingSystem.IsLinux() && File.Exists(path) ? File.ReadAllText(path).Trim() : "-";
    }
}
