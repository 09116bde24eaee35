using System.Runtime.InteropServices;
using System.Text;

namespace Locking;

/// <summary>An array of C strings that ends with a null pointer, as argument lists and environments are.</summary>
internal sealed unsafe class CStringArray : IDisposable
{
    private readonly List<nint> _owned = [];
    private readonly List<nint> _entries = [];
    private byte** _array;

    /// <summary>The array; nothing can be added once it was asked for.</summary>
    public byte** Pointer
    {
        get
        {
            if (_array is null)
            {
                _array = (byte**)NativeMemory.Alloc((nuint)(_entries.Count + 1), (nuint)sizeof(byte*));
                for (int i = 0; i < _entries.Count; i++)
                    _array[i] = (byte*)_entries[i];
                _array[_entries.Count] = null;
            }

            return _array;
        }
    }

    /// <summary>Adds a string.</summary>
    public void Add(string text) => Add(Encoding.UTF8.GetBytes(text));

    /// <summary>Adds a string, given without its final zero.</summary>
    public void Add(ReadOnlySpan<byte> text)
    {
        byte* copy = (byte*)NativeMemory.Alloc((nuint)text.Length + 1);
        text.CopyTo(new Span<byte>(copy, text.Length));
        copy[text.Length] = 0;
        _owned.Add((nint)copy);
        _entries.Add((nint)copy);
    }

    /// <summary>Adds a string that somebody else owns, byte for byte.</summary>
    public void Add(byte* text) => _entries.Add((nint)text);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (nint text in _owned)
            NativeMemory.Free((void*)text);
        NativeMemory.Free(_array);
        _owned.Clear();
        _array = null;
    }
}
