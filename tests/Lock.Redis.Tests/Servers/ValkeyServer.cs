using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Locking.Testing;

/// <summary>A real Valkey server of a test's own.</summary>
/// <remarks><c>LOCK_TEST_VALKEY_SERVER</c> names a binary; else <c>eng/valkey.sh</c> finds one. Without any the tests fail, and say
/// so.</remarks>
public static class ValkeyServer
{
    private static readonly Lazy<string> s_binary = new(Find);

    public static Task<RedisServer> StartAsync(params string[] arguments) => RedisServer.StartBinaryAsync(s_binary.Value, arguments);

    private static string Find()
    {
        if (Environment.GetEnvironmentVariable("LOCK_TEST_VALKEY_SERVER") is { Length: > 0 } named)
            return named;
        using Process find = Process.Start(
            new ProcessStartInfo(Path.Combine(Here(), "..", "..", "..", "eng", "valkey.sh")) { RedirectStandardOutput = true,
                RedirectStandardError = true })!;
        Task<string> errors = find.StandardError.ReadToEndAsync();
        string binary = find.StandardOutput.ReadToEnd().Trim();
        find.WaitForExit();
        return find.ExitCode == 0 ? binary : throw new InvalidOperationException($"These tests need a Valkey server: {errors.Result}");
    }

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
