using System.Runtime.InteropServices;
using System.Text;

namespace Locking;

/// <summary>This process's environment, byte for byte: what is not UTF-8 reaches the command as it came.</summary>
internal static unsafe partial class InheritedEnvironment
{
    /// <summary>The environment with some variables set or, where the value is null, taken out.</summary>
    public static CStringArray With(params ReadOnlySpan<(string Name, string? Value)> changes)
    {
        var result = new CStringArray();
        for (var entry = Entries(); entry is not null && *entry is not null; entry++)
        {
            if (!IsChanged(*entry, changes))
                result.Add(*entry);
        }

        foreach (var (name, value) in changes)
        {
            if (value is not null)
                result.Add($"{name}={value}");
        }

        return result;
    }

    /// <summary>The value of a variable as it was given; empty when it is not set.</summary>
    public static ReadOnlySpan<byte> Value(string name)
    {
        for (var entry = Entries(); entry is not null && *entry is not null; entry++)
        {
            if (IsNamed(*entry, name))
                return MemoryMarshal.CreateReadOnlySpanFromNullTerminated(*entry)[(name.Length + 1)..];
        }

        return default;
    }

    private static bool IsChanged(byte* entry, ReadOnlySpan<(string Name, string? Value)> changes)
    {
        foreach (var (name, _) in changes)
        {
            if (IsNamed(entry, name))
                return true;
        }

        return false;
    }

    private static bool IsNamed(byte* entry, string name)
    {
        var text = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(entry);
        return text.Length > name.Length && text[name.Length] == (byte)'=' && Ascii.Equals(text[..name.Length], name);
    }

    private static byte** Entries()
    {
        if (OperatingSystem.IsMacOS())
            return *_NSGetEnviron();
        var library = NativeLibrary.Load("libc", typeof(InheritedEnvironment).Assembly, null);
        return *(byte***)NativeLibrary.GetExport(library, "environ");
    }

    [LibraryImport("libc")]
    private static partial byte*** _NSGetEnviron();
}
