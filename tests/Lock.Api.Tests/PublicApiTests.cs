using System.Reflection;

namespace Locking.Api.Tests;

/// <summary>
/// The public API of every library stands in a text beside this test, so that a change is a visible one. To accept a change:
/// <c>LOCK_ACCEPT_API=1 dotnet test tests/Lock.Api.Tests</c>, then look at the difference before committing it.
/// </summary>
public sealed class PublicApiTests
{
    [Theory]
    [MemberData(nameof(Libraries.Names), MemberType = typeof(Libraries))]
    public void The_public_api_is_what_the_text_says(string library)
    {
        string file = Path.Combine(Libraries.RepositoryRoot, "tests", "Lock.Api.Tests", "Api", $"{library}.txt");
        string actual = ApiListing.Of(Assembly.Load(library));
        if (Environment.GetEnvironmentVariable("LOCK_ACCEPT_API") == "1")
            File.WriteAllText(file, actual);

        Assert.True(File.Exists(file), $"{file} does not exist. Run LOCK_ACCEPT_API=1 dotnet test tests/Lock.Api.Tests to write it.");
        string accepted = File.ReadAllText(file).ReplaceLineEndings("\n");
        IEnumerable<string> added = Lines(actual).Except(Lines(accepted), StringComparer.Ordinal).Select(line => $"+ {line}");
        IEnumerable<string> removed = Lines(accepted).Except(Lines(actual), StringComparer.Ordinal).Select(line => $"- {line}");
        Assert.True(
            actual == accepted,
            $"The public API of {library} has changed. If that is meant: LOCK_ACCEPT_API=1 dotnet test tests/Lock.Api.Tests\n"
            + string.Join('\n', removed.Concat(added)));
    }

    private static string[] Lines(string text) => text.Split('\n');
}
