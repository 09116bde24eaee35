using System.Runtime.InteropServices;

namespace Locking;

/// <summary>The milliseconds of a record: they go on while brokers come and go, also over a start of the machine.</summary>
/// <remarks>
/// Within one boot the monotonic clock is the same for every process, so that a step of the wall clock changes nothing. After another boot
/// only the wall clock is left: its distance to these milliseconds is on record. Two entries are written in turn, so that a torn one leaves
/// the other.
/// </remarks>
internal sealed class RecordClock
{
    private const int EntryLength = 40;

    private readonly TimeProvider _time;
    private readonly Guid _boot;
    private readonly ClockUnits _units;
    private long _base;

    /// <summary>Creates a clock that does not run yet.</summary>
    /// <param name="time">What it reads.</param>
    /// <param name="boot">Since which start of the machine the monotonic clock runs; null to ask the system.</param>
    public RecordClock(TimeProvider time, Guid? boot = null)
    {
        _time = time;
        _boot = boot ?? BootId();
        _units = new ClockUnits(time);
    }

    /// <summary>Now.</summary>
    public long Now => Of(_time.GetTimestamp());

    /// <summary>How far the wall clock is ahead of these milliseconds.</summary>
    public long Skew => _time.GetUtcNow().ToUnixTimeMilliseconds() - Now;

    /// <summary>A timestamp in these milliseconds, rounded up.</summary>
    public long Of(long timestamp) => _base + (_units.ToSpan(timestamp).Ticks / TimeSpan.TicksPerMillisecond) + 1;

    /// <summary>Goes on where the clock stood that the record was written by.</summary>
    /// <param name="entries">Two entries, in which the beginning of this one is written.</param>
    /// <param name="skew">How far the wall clock was ahead.</param>
    public void Begin(Span<byte> entries, long skew)
    {
        long last = 0L;
        int at = 0;
        for (int i = 0; i < 2; i++)
        {
            Span<byte> entry = entries.Slice(i * EntryLength, EntryLength);
            long number = MemoryMarshal.Read<long>(entry);
            if (MemoryMarshal.Read<ulong>(entry[32..]) != RecordHash.Of(entry[..32]) || number <= last)
                continue;
            (last, at) = (number, i);
            _base = MemoryMarshal.Read<long>(entry[8..]);
        }

        if (last > 0 && _boot != Guid.Empty && MemoryMarshal.Read<Guid>(entries[((at * EntryLength) + 16)..]) == _boot)
            return;
        _base = 0;
        _base = _time.GetUtcNow().ToUnixTimeMilliseconds() - skew - Now;
        Span<byte> next = entries.Slice((1 - at) * EntryLength, EntryLength);
        MemoryMarshal.Write(next[32..], 0L);
        MemoryMarshal.Write(next, last + 1);
        MemoryMarshal.Write(next[8..], _base);
        MemoryMarshal.Write(next[16..], _boot);
        Thread.MemoryBarrier();
        MemoryMarshal.Write(next[32..], RecordHash.Of(next[..32]));
    }

    private static Guid BootId()
    {
        const string path = "/proc/sys/kernel/random/boot_id";
        return OperatingSystem.IsLinux() && File.Exists(path) && Guid.TryParse(File.ReadAllText(path).Trim(), out Guid boot)
            ? boot
            : Guid.Empty;
    }
}
