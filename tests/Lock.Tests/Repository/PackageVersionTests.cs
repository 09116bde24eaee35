using System.Xml.Linq;
using Locking.Tests.Documentation;

namespace Locking.Tests.Repository;

public sealed class PackageVersionTests
{
    [Fact]
    public void Every_version_in_Directory_Packages_props_is_of_a_package_that_a_project_uses()
    {
        var used = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (string? folder in new[] { "src", "tests", "samples", "bench" })
        {
            foreach (string file in Directory.EnumerateFiles(Path.Combine(Page.Root, folder), "*.*", SearchOption.AllDirectories))
            {
                if (Path.GetExtension(file) is ".csproj" or ".fsproj" or ".props" or ".targets"
                    && !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
                    used.UnionWith(Names(XDocument.Load(file), "PackageReference"));
            }
        }

        Assert.Empty(Names(XDocument.Load(Path.Combine(Page.Root, "Directory.Packages.props")), "PackageVersion")
            .Except(used, StringComparer.OrdinalIgnoreCase));
    }

    private static IEnumerable<string> Names(XDocument project, string element) =>
        project.Descendants(element).Select(static one => (string?)one.Attribute("Include")).OfType<string>();
}
