using System.Text;

namespace Locking;

/// <summary>A string as C has it.</summary>
internal readonly struct CString
{
    public CString(string text)
    {
        Bytes = new byte[Encoding.UTF8.GetByteCount(text) + 1];
        Encoding.UTF8.GetBytes(text, Bytes);
    }

    /// <summary>UTF-8 with a zero at the end.</summary>
    public byte[] Bytes { get; }
}
