namespace Locking.Cli.Tests.Configuration;

public sealed class ConfigurationCheckTests
{
    [Theory]
    [InlineData("30", true)]
    [InlineData("999", true)]
    [InlineData("1000", false)]
    [InlineData("\"30s\"", false)]
    public void A_ttl_below_a_second_is_found_whatever_the_backend_has_shown(string ttl, bool isFound)
    {
        var json = $$$"""{"type":"redis","lockOptions":{"ttl":{{{ttl}}}}}""";
        var findings = ConfigurationCheck.Of(new Configured(LockConfig.Parse(json), json), new ProbeResult());

        Assert.Equal(isFound, findings.Any(finding => finding is { Code: "ttl-below-a-second", IsWarning: true }));
        Assert.All(findings, finding => Assert.Contains("lockOptions.ttl", finding.Text, StringComparison.Ordinal));
    }
}
