using System.Reflection;

namespace Locking.Api.Tests;

/// <summary>The libraries whose public API is held: a line here, and a project reference.</summary>
public static class Libraries
{
    public static IReadOnlyList<string> All { get; } =
    [
        "Lock.Abstractions",
        "Lock.Core",
        "Lock.InMemory",
        "Lock.Broker",
        "Lock.Redis",
        "Lock.RedLock",
        "Lock.Mongo",
        "Lock.Postgres",
        "Lock.Etcd",
        "Lock",
    ];

    public static TheoryData<string> Names => [.. All];

    public static IEnumerable<Assembly> Assemblies => All.Select(Assembly.Load);

    public static IEnumerable<Type> PublicTypes => Assemblies.SelectMany(PublicTypesOf);

    /// <summary>The public types that a program can name; not the markers that the compiler makes for extension members.</summary>
    public static IEnumerable<Type> PublicTypesOf(Assembly assembly) =>
        assembly.GetExportedTypes().Where(type => !type.FullName!.Contains('<', StringComparison.Ordinal));

    /// <summary>The folder of Lock.sln.</summary>
    public static string RepositoryRoot
    {
        get
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Lock.sln")))
                folder = folder.Parent;
            return folder?.FullName ?? throw new InvalidOperationException("There is no Lock.sln above the test's folder.");
        }
    }
}
