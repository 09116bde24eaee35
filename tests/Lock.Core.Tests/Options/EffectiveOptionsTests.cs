namespace Locking.Core.Tests;

public sealed class EffectiveOptionsTests
{
    private static readonly LockOptions s_none = new();

    [Fact]
    public void Defaults_are_those_of_the_documentation()
    {
        EffectiveOptions options = Resolve(s_none, null);
        Assert.Equal(TimeSpan.FromSeconds(30), options.Ttl);
        Assert.True(options.Renews);
        Assert.Equal(Timeout.InfiniteTimeSpan, options.WaitTimeout);
        Assert.Null(options.RetryCount);
        Assert.Equal(TimeSpan.FromMilliseconds(200), options.RetryDelay);
        Assert.Equal(TimeSpan.FromMilliseconds(100), options.RetryJitter);
        Assert.Equal(TimeSpan.FromSeconds(5), options.PollInterval);
        Assert.Equal(TimeSpan.FromSeconds(8), options.ReleaseTimeout);
        Assert.Equal(0.01, options.DriftFactor);
        Assert.Equal("me", options.Owner);
        Assert.True(Resolve(s_none, null, isTry: true).IsSingleAttempt);
    }

    [Fact]
    public void A_configured_retryCount_of_zero_is_one_attempt_also_for_Lock() =>
        Assert.True(Resolve(new LockOptions { RetryCount = 0 }, null).IsSingleAttempt);

    [Fact]
    public void A_configured_retryCount_rules_a_try_as_well()
    {
        EffectiveOptions options = Resolve(new LockOptions { RetryCount = 5 }, null, isTry: true);
        Assert.False(options.IsSingleAttempt);
        Assert.Equal(5, options.RetryCount);
        Assert.Equal(Timeout.InfiniteTimeSpan, options.WaitTimeout);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_endless_wait_of_the_configuration_does_not_make_a_try_hang(bool byRetries)
    {
        LockOptions defaults = byRetries ? new LockOptions { RetryCount = -1 } : new LockOptions { WaitTimeout = Timeout.InfiniteTimeSpan };
        Assert.True(Resolve(defaults, null, isTry: true).IsSingleAttempt);
        Assert.False(Resolve(defaults, null, isTry: false).IsSingleAttempt);
        Assert.Equal(Timeout.InfiniteTimeSpan, Resolve(s_none, defaults, isTry: true).WaitTimeout);
    }

    [Fact]
    public void What_a_call_says_of_waiting_replaces_what_the_configuration_says()
    {
        EffectiveOptions options = Resolve(new LockOptions { RetryCount = 0 }, new LockOptions { WaitTimeout = TimeSpan.FromSeconds(10) });
        Assert.False(options.IsSingleAttempt);
        Assert.Null(options.RetryCount);
    }

    [Theory]
    [InlineData(null, null, true)]
    [InlineData(null, 5, true)]
    [InlineData(true, 5, true)]
    [InlineData(false, null, false)]
    [InlineData(false, 5, false)]
    public void A_lease_is_renewed_unless_AutoRenew_is_false_whoever_gave_its_ttl(bool? autoRenew, int? callTtl, bool renews)
    {
        var call = new LockOptions { Ttl = callTtl is { } s ? TimeSpan.FromSeconds(s) : null, AutoRenew = autoRenew };
        Assert.Equal(renews, Resolve(s_none, call).Renews);
        Assert.Equal(renews, Resolve(s_none with { AutoRenew = autoRenew }, call with { AutoRenew = null }).Renews);
    }

    [Fact]
    public void The_renew_interval_is_at_most_half_the_ttl()
    {
        Assert.Throws<ArgumentException>(() => Resolve(new LockOptions { RenewInterval = TimeSpan.FromSeconds(16) }, null));
        Assert.Equal(TimeSpan.FromSeconds(15),
            Resolve(new LockOptions { RenewInterval = TimeSpan.FromSeconds(15) }, null).GivenRenewInterval);
    }

    [Fact]
    public void A_configured_renew_interval_that_does_not_fit_the_ttl_of_the_call_gives_way()
    {
        var defaults = new LockOptions { RenewInterval = TimeSpan.FromSeconds(10) };
        Assert.Null(Resolve(defaults, new LockOptions { Ttl = TimeSpan.FromSeconds(5), AutoRenew = true }).GivenRenewInterval);
    }

    [Fact]
    public void MaxHold_caps_the_first_lease()
    {
        Assert.Equal(TimeSpan.FromSeconds(5), Resolve(s_none, new LockOptions { MaxHold = TimeSpan.FromSeconds(5) }).FirstTtl);
        Assert.Equal(TimeSpan.FromSeconds(30), Resolve(s_none, new LockOptions { MaxHold = TimeSpan.FromSeconds(50) }).FirstTtl);
    }

    private static EffectiveOptions Resolve(LockOptions defaults, LockOptions? call, bool isTry = false) =>
        EffectiveOptions.Resolve(defaults, call, isTry, "me");
}
