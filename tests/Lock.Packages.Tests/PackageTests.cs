using System.Diagnostics;
using System.IO.Compression;
using System.Xml.Linq;
using Locking.Testing;

namespace Locking.Packages.Tests;

/// <summary>What a stranger has who takes the packages: they restore from a folder, run plain, trimmed and native,
/// and the tool installs.</summary>
public sealed class PackageTests(PackedPackages packages) : IClassFixture<PackedPackages>, IDisposable
{
    private static readonly string[] s_ids =
    [
        "Locking", "Locking.Abstractions", "Locking.Broker", "Locking.Conformance", "Locking.Core", "Locking.Etcd",
        "Locking.InMemory",
        "Locking.Mongo", "Locking.Postgres", "Locking.RedLock", "Locking.Redis",
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("lock-consumer-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Every_project_is_a_package_with_symbols_readme_icon_and_licence()
    {
        IEnumerable<string> found = Directory.GetFiles(packages.Folder, "*.nupkg")
            .Select(file => Path.GetFileName(file)[..^(packages.Version.Length + 7)]);
        string[] tools = packages.NativeRuntime is { } runtime
            ? ["Locking.Cli", "Locking.Cli.any", $"Locking.Cli.{runtime}"]
            : ["Locking.Cli", "Locking.Cli.any"];
        Assert.Equal(s_ids.Concat(tools).Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
        foreach (string id in found)
        {
            Assert.Equal(!tools.Contains(id), File.Exists(Path.Combine(packages.Folder, $"{id}.{packages.Version}.snupkg")));
            using ZipArchive package = ZipFile.OpenRead(Path.Combine(packages.Folder, $"{id}.{packages.Version}.nupkg"));
            Assert.NotNull(package.GetEntry("README.md"));
            Assert.NotNull(package.GetEntry("icon.png"));
            using Stream text = package.GetEntry($"{id}.nuspec")!.Open();
            Dictionary<string, string> fields = XDocument.Load(text).Descendants()
                .Where(static e => !e.HasElements).GroupBy(static e => e.Name.LocalName)
                .ToDictionary(static g => g.Key, static g => g.First().Value);
            Assert.Equal(("MIT", "README.md", "icon.png"), (fields["license"], fields["readme"], fields["icon"]));
            Assert.Contains("fencing-token", fields["tags"], StringComparison.Ordinal);
            Assert.True(fields["description"].Length > 20, id);
        }
    }

    [Fact]
    public void A_backend_brings_its_own_driver_and_no_other()
    {
        Assert.DoesNotContain(DependenciesOf("Locking.Core"),
            static id => id.Contains("Redis") || id.Contains("Mongo") || id == "Npgsql" || id.StartsWith("Grpc"));
        Assert.Equal(["Locking.Abstractions", "StackExchange.Redis"], DependenciesOf("Locking.Redis"));
        Assert.Equal(["Locking.Abstractions", "MongoDB.Driver"], DependenciesOf("Locking.Mongo"));
        Assert.Equal(["Locking.Abstractions", "Npgsql"], DependenciesOf("Locking.Postgres"));
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("trimmed")]
    [InlineData("native")]
    public async Task A_fresh_program_runs_on_the_packages(string kind)
    {
        string consumer = Directory.CreateDirectory(Path.Combine(_folder, "consumer")).FullName;
        Take("Program.cs", consumer);
        Take("Consumer.csproj", consumer);
        string output = Path.Combine(_folder, "out");
        string[] options = kind switch
        {
            "trimmed" => ["-p:PublishTrimmed=true", "--self-contained", "--use-current-runtime"],
            "native" => ["-p:PublishAot=true", "--use-current-runtime"],
            _ => ["--no-self-contained", $"-p:FileStore={TakeFileStore(consumer)}"],
        };
        await Commands.RunAsync(
            "dotnet",
            [
                "publish", consumer, "-c", "Release", "-o", output, "-v", "quiet", "-nologo", "-nodeReuse:false",
                "-p:TargetFramework=net10.0",
                "-p:Nullable=enable", "-p:ImplicitUsings=enable", $"-p:RestoreAdditionalProjectSources={packages.Folder}",
                $"-p:LockingVersion={packages.Version}", .. options,
            ]);

        await using RedisServer redis = await RedisServer.StartAsync();
        string socket = Path.Combine(_folder, "broker", "broker.sock");
        using System.Diagnostics.Process broker = StartBroker(socket);
        try
        {
            string said = await Commands.RunAsync(
                Path.Combine(output, "Consumer"),
                [
                    """{"type":"inMemory"}""",
                    $$"""{"type":"broker","connection":{"path":"{{socket}}","launch":false,"connectTimeout":"60s"} }""",
                    $$"""{"type":"redis","connection":{"host":"127.0.0.1","port":{{redis.Port}}} }""",
                ]);
            string[] lines = said.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(["True True Released", "True True Released", "True True Released"], lines[..3]);
            if (kind == "plain")
                Assert.Matches("^[1-9][0-9]+ facts of the kit hold for the further backend$", Assert.Single(lines[3..]));
            else
                Assert.Equal(3, lines.Length);
        }
        finally
        {
            broker.Kill();
            await broker.WaitForExitAsync();
        }
    }

    [Fact]
    public async Task The_tool_installs_natively_where_it_can_and_runs()
    {
        string tool = Path.Combine(_folder, "tool");
        await Commands.RunAsync(
            "dotnet", ["tool", "install", "Locking.Cli", "--tool-path", tool, "--version", packages.Version, "--add-source",
                packages.Folder]);
        string program = Path.Combine(tool, "lock");
        // A native program is linked to; one that .NET runs has a starter.
        string? target = File.ResolveLinkTarget(program, returnFinalTarget: true)?.FullName;
        Assert.Equal(packages.NativeRuntime is not null, target is not null);
        Assert.True(target is null || target.Contains($"locking.cli.{packages.NativeRuntime}", StringComparison.Ordinal), target);
        string socket = Path.Combine(_folder, "broker", "broker.sock");
        using System.Diagnostics.Process broker = StartBroker(socket);
        try
        {
            var variables = new Dictionary<string, string?>
            {
                ["LOCK_CONFIG"] = $$"""{"type":"broker","connection":{"path":"{{socket}}","launch":false,"connectTimeout":"60s"} }""",
            };
            string said =
                await Commands.RunAsync(program, ["run", "packed", "--", "sh", "-c", "echo $LOCK_KEY"], variables);
            Assert.Equal("packed\n", said);

            // MongoDB's driver cannot be compiled natively, and is there all the same: there is no server (69), but no mistake either (64).
            variables["LOCK_CONFIG"] =
                """{"type":"mongo","connection":{"url":"mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500","connectTimeout":"1s"} }""";
            await Commands.RunAsync(program, ["show", "packed"], variables, expected: 69);
        }
        finally
        {
            broker.Kill();
            await broker.WaitForExitAsync();
        }
    }

    /// <summary>On a system for which nothing was compiled: the one that is installed names another than this one.</summary>
    [Fact]
    public async Task The_tool_is_run_by_NET_elsewhere()
    {
        string source = Directory.CreateDirectory(Path.Combine(_folder, "source")).FullName;
        foreach (string id in (string[])["Locking.Cli", "Locking.Cli.any"])
        {
            string file = $"{id}.{packages.Version}.nupkg";
            File.Copy(Path.Combine(packages.Folder, file), Path.Combine(source, file));
        }

        await NameAnotherSystemAsync(Path.Combine(source, $"Locking.Cli.{packages.Version}.nupkg"));
        string tool = Path.Combine(_folder, "tool");
        await Commands.RunAsync(
            "dotnet", ["tool", "install", "Locking.Cli", "--tool-path", tool, "--version", packages.Version, "--source", source]);
        Assert.Single(Directory.GetDirectories(Path.Combine(tool, ".store", "locking.cli", packages.Version), "locking.cli.*"),
            static folder => Path.GetFileName(folder) == "locking.cli.any");
        Assert.StartsWith("lock ", await Commands.RunAsync(Path.Combine(tool, "lock"), ["--version"]), StringComparison.Ordinal);
    }

    private async Task NameAnotherSystemAsync(string file)
    {
        using ZipArchive package = ZipFile.Open(file, ZipArchiveMode.Update);
        ZipArchiveEntry settings = package.GetEntry("tools/any/any/DotnetToolSettings.xml")!;
        string text;
        using (StreamReader reader = new(settings.Open()))
            text = await reader.ReadToEndAsync();
        settings.Delete();
        await using StreamWriter writer = new(package.CreateEntry(settings.FullName).Open());
        await writer.WriteAsync(
            packages.NativeRuntime is { } here ? text.Replace($"\"{here}\"", "\"haiku-x64\"", StringComparison.Ordinal) : text);
    }

    private static void Take(string file, string folder) =>
        File.Copy(Path.Combine(AppContext.BaseDirectory, "Consumer", file + ".txt"), Path.Combine(folder, file));

    /// <summary>The file sample, as it stands, with its suite of the conformance kit: a further backend needs no file outside of its
    /// project.</summary>
    /// <returns>Its project.</returns>
    private string TakeFileStore(string consumer)
    {
        const string Project = "Lock.Samples.FileStore";
        string folder = Directory.CreateDirectory(Path.Combine(_folder, Project)).FullName;
        foreach (string file in Directory.GetFiles(Path.Combine(Commands.Root, "samples", Project)))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        foreach (string file in (string[])["FileLockStoreConformanceTests.cs", "LockDirectory.cs"])
            File.Copy(Path.Combine(Commands.Root, "tests", "Lock.Samples.Tests", file), Path.Combine(consumer, file));
        Take("FurtherBackend.cs", consumer);
        return Path.Combine(folder, Project + ".csproj");
    }

    private static System.Diagnostics.Process StartBroker(string socket)
    {
        string command = Path.Combine(Commands.Root, "src", "Lock.Cli", "bin", "Release", "net10.0", "Lock.Cli.dll");
        var start = new System.Diagnostics.ProcessStartInfo("dotnet") { RedirectStandardError = true };
        foreach (string argument in (string[])[command, "broker", "--path", socket])
            start.ArgumentList.Add(argument);
        Process process = System.Diagnostics.Process.Start(start)!;
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        return process;
    }

    private List<string> DependenciesOf(string id)
    {
        using ZipArchive package = ZipFile.OpenRead(Path.Combine(packages.Folder, $"{id}.{packages.Version}.nupkg"));
        using Stream text = package.GetEntry($"{id}.nuspec")!.Open();
        return XDocument.Load(text).Descendants().Where(static e => e.Name.LocalName == "dependency")
            .Select(static e => e.Attribute("id")!.Value).Order(StringComparer.Ordinal).ToList();
    }
}
