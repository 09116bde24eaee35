namespace Locking.Tests.Configuration;

/// <summary>Where a text comes from: the environment and files.</summary>
public sealed class SourceTests : IDisposable
{
    private readonly string _variable = $"LOCK_CONFIG_{Guid.NewGuid():N}";
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"lock-config-{Guid.NewGuid():N}.json");

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(_variable, null);
        File.Delete(_file);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("  ")]
    public void An_unset_or_empty_variable_leaves_it_to_the_caller(string? value)
    {
        Environment.SetEnvironmentVariable(_variable, value);

        Assert.Null(LockConfig.FromEnvironment(_variable));
        Assert.Equal("redis", (LockConfig.FromEnvironment(_variable) ?? new LockConfig { Type = "redis" }).Type);
    }

    [Fact]
    public void A_variable_is_read_as_json()
    {
        Environment.SetEnvironmentVariable(_variable, """ {"type":"broker"} """);

        Assert.Equal("broker", LockConfig.FromEnvironment(_variable)!.Type);
    }

    [Fact]
    public void An_error_names_the_variable()
    {
        Environment.SetEnvironmentVariable(_variable, """{"lockOptions":{"ttl":0}}""");

        LockConfigException problem = Assert.Throws<LockConfigException>(() => LockConfig.FromEnvironment(_variable));

        Assert.Equal("lockOptions.ttl", problem.Path);
        Assert.StartsWith("lockOptions.ttl: 0 is out of range.", problem.Message, StringComparison.Ordinal);
        Assert.EndsWith($"(In the environment variable {_variable}.)", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_that_starts_with_an_at_sign_names_a_file()
    {
        File.WriteAllText(_file, "\uFEFF// comment\n{\"type\":\"mongo\",}\n");
        Environment.SetEnvironmentVariable(_variable, $"@{_file}");

        Assert.Equal("mongo", LockConfig.FromEnvironment(_variable)!.Type);
        Assert.Equal("mongo", LockConfig.Parse($" @ {_file}\n").Type);
    }

    [Fact]
    public void An_error_names_the_file()
    {
        File.WriteAllText(_file, """{"tpye":"mongo"}""");

        LockConfigException problem = Assert.Throws<LockConfigException>(() => LockConfig.Parse($"@{_file}"));

        Assert.Equal("tpye", problem.Path);
        Assert.Contains(_file, problem.Message, StringComparison.Ordinal);
        Assert.Contains("Did you mean type?", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_missing_empty_or_a_folder_says_so()
    {
        Assert.Contains("cannot be read", Assert.Throws<LockConfigException>(() => LockConfig.Parse($"@{_file}")).Message,
            StringComparison.Ordinal);
        File.WriteAllText(_file, "\n");
        Assert.Contains("is empty", Assert.Throws<LockConfigException>(() => LockConfig.Parse($"@{_file}")).Message,
            StringComparison.Ordinal);
        Assert.Throws<LockConfigException>(() => LockConfig.Parse($"@{Path.GetTempPath()}"));
    }
}
