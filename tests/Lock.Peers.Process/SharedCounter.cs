using System.IO.MemoryMappedFiles;

namespace Locking.Peers;

/// <summary>A number that several processes count in: how many are inside.</summary>
internal sealed unsafe class SharedCounter : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly int* _number;

    public SharedCounter(string path)
    {
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 4096);
        _view = _file.CreateViewAccessor(0, 4096);
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        _number = (int*)start;
    }

    public int Add(int change) => Interlocked.Add(ref *_number, change);

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }
}
