using System.Buffers.Binary;
using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Locking;

/// <summary>Linux: asks the kernel itself.</summary>
/// <remarks>The runtime's sockets wake a thread of theirs for every piece that arrives, also when somebody looks anyway (decision
/// 0035).</remarks>
internal sealed partial class EpollArrivals : Arrivals
{
    private const int Most = 256;
    private const int CloseOnExec = 0x80000;
    private const int NonBlocking = 0x800;
    private const int OperationAdd = 1;
    private const int OperationModify = 3;
    private const uint Readable = 1;
    private const long WakeNumber = -1;

    // struct epoll_event is packed on x86 and aligned elsewhere.
    private static readonly bool s_isPacked = RuntimeInformation.ProcessArchitecture is Architecture.X64 or Architecture.X86;

    private static readonly int s_stride = s_isPacked ? 12 : 16;

    private readonly byte[] _events = GC.AllocateArray<byte>(Most * 16, pinned: true);
    private readonly Lock _gate = new();
    private readonly int _epoll;
    private readonly int _wake;
    private bool _isDisposed;

    public EpollArrivals()
    {
        _epoll = Checked(EpollCreate(CloseOnExec));
        try
        {
            _wake = -1;
            _wake = Checked(EventFd(0, CloseOnExec | NonBlocking));
            _ = Checked(Control(OperationAdd, _wake, Readable, WakeNumber));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public override bool TryAdd(long number, Socket socket) => Control(OperationAdd, (int)socket.Handle, Readable, number) >= 0;

    public override void Pause(long number, Socket socket) => Modify(number, socket, 0);

    public override void Resume(long number, Socket socket) => Modify(number, socket, Readable);

    public override unsafe void Wait(List<long> numbers, bool sleep)
    {
        numbers.Clear();
        int count;
        fixed (byte* events = _events)
            count = EpollWait(_epoll, events, Most, sleep ? -1 : 0);
        for (int i = 0; i < count; i++)
        {
            long number = BinaryPrimitives.ReadInt64LittleEndian(_events.AsSpan((i * s_stride) + s_stride - 8));
            if (number == WakeNumber)
                _ = Read(_wake, out _, sizeof(ulong));
            else
                numbers.Add(number);
        }
    }

    public override void Wake()
    {
        lock (_gate)
        {
            ulong one = 1UL;
            if (!_isDisposed)
                _ = Write(_wake, in one, sizeof(ulong));
        }
    }

    public override void Dispose()
    {
        // Under the gate: the numbers may be other files' from here on.
        lock (_gate)
        {
            _isDisposed = true;
            if (_wake >= 0)
                _ = CloseFile(_wake);
            _ = CloseFile(_epoll);
        }
    }

    private void Modify(long number, Socket socket, uint interest)
    {
        try
        {
            _ = Control(OperationModify, (int)socket.Handle, interest, number);
        }
        catch (ObjectDisposedException)
        {
            // It has ended; on this thread, so that the number of its file cannot be somebody else's.
        }
    }

    private unsafe int Control(int operation, int file, uint interest, long number)
    {
        byte* one = stackalloc byte[16];
        *(uint*)one = interest;
        *(long*)(one + s_stride - 8) = number;
        return EpollControl(_epoll, operation, file, one);
    }

    private static int Checked(int result) => result >= 0 ? result : throw new Win32Exception(Marshal.GetLastPInvokeError());

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int EpollCreate(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static unsafe partial int EpollControl(int epoll, int operation, int file, byte* one);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static unsafe partial int EpollWait(int epoll, byte* events, int most, int milliseconds);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int EventFd(uint initial, int flags);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int file, out ulong value, nint size);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int file, in ulong value, nint size);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int CloseFile(int file);
}
