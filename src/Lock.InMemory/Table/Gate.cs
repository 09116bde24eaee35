using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Locking;

/// <summary>A gate for sections of a few dozen instructions that never wait, call out or read a clock: one exchange to enter, one store to
/// leave.</summary>
/// <remarks>Half the cost of <see cref="Lock"/>, which is what the speed of an uncontended lock is made of (decision 0010). Not
/// re-entrant.</remarks>
[StructLayout(LayoutKind.Auto)]
internal struct Gate
{
    private int _taken;
#if DEBUG
    private int _thread;
#endif

    /// <summary>Whether this thread is inside; known in debug builds only.</summary>
    public readonly bool IsHeldByCurrentThread
#if DEBUG
        => Volatile.Read(in _taken) != 0 && _thread == Environment.CurrentManagedThreadId;
#else
        => Volatile.Read(in _taken) != 0;
#endif

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Enter()
    {
        if (Interlocked.CompareExchange(ref _taken, 1, 0) != 0)
            EnterContended();
#if DEBUG
        _thread = Environment.CurrentManagedThreadId;
#endif
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Exit()
    {
        Debug.Assert(IsHeldByCurrentThread, "Left a gate that this thread is not in.");
#if DEBUG
        _thread = 0;
#endif
        Volatile.Write(ref _taken, 0);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void EnterContended()
    {
#if DEBUG
        Debug.Assert(_thread != Environment.CurrentManagedThreadId, "A gate is not re-entrant.");
#endif
        // The holder may have lost its processor: after some turns the wait gives ours away, but never sleeps a whole millisecond.
        SpinWait spin = default;
        do
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }
        while (Volatile.Read(ref _taken) != 0 || Interlocked.CompareExchange(ref _taken, 1, 0) != 0);
    }
}
