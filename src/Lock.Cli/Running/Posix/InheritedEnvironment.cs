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
        for (byte** entry = Entries(); entry is not null && *entry is not null; entry++)
        {
            if (!IsChanged(*entry, changes))
                result.Add(*entry);
        }

        foreach ((string name, string? value) in changes)
        {
            if (value is not null)
                result.Add($"{name}={value}");
        }

        return result;
    }

    /// <summary>The value of a variable as it was given; empty when it is not set.</summary>
    public static ReadOnlySpan<byte> Value(string name)
    {
        for (byte** entry = Entries(); entry is not null && *entry is not null; entry++)
        {
            if (IsNamed(*entry, name))
                return MemoryMarshal.CreateReadOnlySpanFromNullTerminated(*entry)[(name.Length + 1)..];
        }

        return default;
    }

    private static bool IsChanged(byte* entry, ReadOnlySpan<(string Name, string? Value)> changes)
    {
        foreach ((string name, _) in changes)
        {
            if (IsNamed(entry, name))
                return true;
        }

        return false;
    }

    private static bool IsNamed(byte* entry, string name)
    {
        ReadOnlySpan<byte> text = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(entry);
        return text.Length > name.Length && text[name.Length] == (byte)'=' && Ascii.Equals(text[..name.Length], name);
    }

    private static byte** Entries()
    {
        if (OperatingSystem.IsMacOS())
            return *_NSGetEnviron();

        // Whatever this process is made of: by its name, the C library would be looked for in thirty places.
        return *(byte***)NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "environ");
    }

    [LibraryImport("libc")]
    private static partial byte*** _NSGetEnviron();
}
