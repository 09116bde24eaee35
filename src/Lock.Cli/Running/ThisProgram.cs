namespace Locking;

/// <summary>How to start this same program again.</summary>
internal static class ThisProgram
{
    /// <summary>The file to start and, when that is the general host of .NET, the program it must be given first; else empty.</summary>
    public static (string Host, string Program) Find()
    {
        string host = Environment.ProcessPath ?? "lock";
        return Path.GetFileNameWithoutExtension(host) == "dotnet"
            ? (host, Path.Combine(AppContext.BaseDirectory, "Lock.Cli.dll"))
            : (host, "");
    }

    /// <summary>The command line that starts a broker for anybody who needs one.</summary>
    public static string[] BrokerCommand()
    {
        (string host, string? program) = Find();
        return program.Length == 0 ? [host, "broker", "--launched"] : [host, program, "broker", "--launched"];
    }
}
