using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Locking;

/// <summary>A mapped part of a <see cref="LeaseRecord"/>: places of one size, the first of which says what the segment is.</summary>
/// <remarks>What is stored here is in the system's hands at once, so that a kill of this process at any instruction loses nothing. The room
/// was written before it was mapped: a disk that fills up later cannot refuse it. Everything under the record's gate.</remarks>
internal sealed unsafe class RecordSegment : IDisposable
{
    /// <summary>The smallest place.</summary>
    public const int SmallestPlace = 256;

    /// <summary>Lengths and positions of segments are multiples of this.</summary>
    public const int Unit = 64 * 1024;

    private const ulong Magic = 0x31_44_52_4F_43_45_52_4C; // "LRECORD1"
    private const int HeadLength = 24;

    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;

    public RecordSegment(SafeFileHandle file, long position, int length, int placeSize)
    {
        Position = position;
        Length = length;
        PlaceSize = placeSize;
        _map = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: true);
        _view = _map.CreateViewAccessor(position, length, MemoryMappedFileAccess.ReadWrite);
        byte* pointer = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
        _start = pointer + _view.PointerOffset;
        Owners = new RecordableClaim?[length / placeSize];
    }

    /// <summary>Where it begins in the file.</summary>
    public long Position { get; }

    /// <summary>How long it is.</summary>
    public int Length { get; }

    /// <summary>How long each of its places is.</summary>
    public int PlaceSize { get; }

    /// <summary>Whose lease stands at a place. Places are numbered from 1.</summary>
    public RecordableClaim?[] Owners { get; }

    /// <summary>Whether something was written that no sync has forced to the disk.</summary>
    public bool IsDirty { get; set; }

    /// <summary>What a file says of the segment that begins there.</summary>
    /// <returns>False when there is none.</returns>
    public static bool TryReadHead(ReadOnlySpan<byte> head, out int length, out int placeSize)
    {
        length = MemoryMarshal.Read<int>(head[8..]);
        placeSize = MemoryMarshal.Read<int>(head[12..]);
        return MemoryMarshal.Read<ulong>(head) == Magic && MemoryMarshal.Read<ulong>(head[16..]) == RecordHash.Of(head[..16])
            && placeSize >= SmallestPlace && length >= 2 * placeSize && length % Unit == 0;
    }

    /// <summary>Says what the segment is. Last: until then it is none.</summary>
    public void WriteHead()
    {
        Span<byte> head = stackalloc byte[16];
        MemoryMarshal.Write(head, Magic);
        MemoryMarshal.Write(head[8..], Length);
        MemoryMarshal.Write(head[12..], PlaceSize);
        Span<byte> bytes = Bytes(0, HeadLength);
        head[8..].CopyTo(bytes[8..]);
        MemoryMarshal.Write(bytes[16..], RecordHash.Of(head));
        Word(0) = unchecked((long)Magic);
        IsDirty = true;
    }

    /// <summary>The bytes of a place.</summary>
    public Span<byte> Place(int number) => new(_start + ((nint)number * PlaceSize), PlaceSize);

    /// <summary>A part of the first place.</summary>
    public Span<byte> Bytes(int offset, int length) => new(_start + offset, length);

    /// <summary>A number that is stored in one go, in the first place.</summary>
    public ref long Word(int offset) => ref *(long*)(_start + offset);

    /// <summary>A number that is stored in one go, in a place.</summary>
    public ref long Word(int number, int offset) => ref *(long*)(_start + ((nint)number * PlaceSize) + offset);

    /// <summary>Forces it to the disk.</summary>
    public void Flush() => _view.Flush();

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _map.Dispose();
    }
}
