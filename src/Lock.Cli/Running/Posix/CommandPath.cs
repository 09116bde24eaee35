namespace Locking;

/// <summary>Finds the file of a command as a shell does.</summary>
internal static unsafe class CommandPath
{
    private const string StandardPath = "/usr/local/bin:/usr/bin:/bin";

    /// <summary>Looks the name up in <c>PATH</c>, unless it has a slash.</summary>
    /// <param name="name">The name.</param>
    /// <param name="path">The file.</param>
    /// <returns>Zero; 127 when there is no such command; 126 when there is one that this user may not execute.</returns>
    public static int Find(string name, out string path)
    {
        path = name;
        if (name.Contains('/', StringComparison.Ordinal))
            return Check(name);
        int worst = ExitCode.NotFound;
        if (name.Length == 0)
            return worst;
        foreach (string directory in (Environment.GetEnvironmentVariable("PATH") ?? StandardPath).Split(':'))
        {
            // An empty entry is the current directory.
            string candidate = directory.Length == 0 ? $"./{name}" : $"{directory}/{name}";
            int found = Check(candidate);
            if (found == ExitCode.Done)
            {
                path = candidate;
                return found;
            }

            if (found == ExitCode.NotExecutable)
                worst = found;
        }

        return worst;
    }

    private static int Check(string file)
    {
        fixed (byte* bytes = new CString(file).Bytes)
        {
            if (LibC.access(bytes, LibC.ExecutePermission) == 0)
                return Directory.Exists(file) ? ExitCode.NotExecutable : ExitCode.Done;
            return LibC.Errno is LibC.NotFound or LibC.NotADirectory ? ExitCode.NotFound : ExitCode.NotExecutable;
        }
    }
}
