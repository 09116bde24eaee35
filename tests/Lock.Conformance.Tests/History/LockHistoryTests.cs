using Microsoft.Extensions.Time.Testing;
using Xunit.Sdk;

namespace Locking.Conformance.Tests.History;

public sealed class LockHistoryTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly LockHistory _history;

    public LockHistoryTests() => _history = new LockHistory(_time);

    [Fact]
    public void Leases_one_after_the_other_are_right()
    {
        Grant("k", "a", 1, 10);
        Pass(10);
        Grant("k", "b", 2, 10);
        Pass(5);
        _history.Ends("k", "b", _history.Now);
        Grant("k", "c", 3, 10);
        Grant("other", "d", 1, 10);
        _history.Check();
        Assert.Equal(4, _history.Grants);
    }

    [Fact]
    public void Two_at_once_are_wrong()
    {
        Grant("k", "a", 1, 10);
        Pass(9);
        Grant("k", "b", 2, 10);
        Assert.Contains("overlap", Assert.Throws<XunitException>(_history.Check).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_lease_that_was_extended_covers_the_longer_time()
    {
        Grant("k", "a", 1, 10);
        Pass(5);
        Grant("k", "a", 1, 20);
        Pass(10);
        Grant("k", "b", 2, 10);
        Assert.Throws<XunitException>(_history.Check);
    }

    [Fact]
    public void A_lease_that_was_shortened_covers_the_shorter_time()
    {
        Grant("k", "a", 1, 20);
        _history.Ends("k", "a", _history.Now + TimeSpan.FromMilliseconds(5), forGood: false);
        Pass(5);
        Grant("k", "b", 2, 10);
        _history.Check();
    }

    [Fact]
    public void A_grant_that_came_after_its_end_promised_nothing()
    {
        Grant("k", "a", 1, 10);
        _history.Granted("k", "b", 2, _history.Now);
        _history.Check();
        Assert.Equal(1, _history.Grants);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(1)]
    public void A_token_that_does_not_rise_is_wrong(long second)
    {
        Grant("k", "a", 2, 10);
        Pass(10);
        Grant("k", "b", second, 10);
        Assert.Contains("token", Assert.Throws<XunitException>(_history.Check).Message, StringComparison.Ordinal);
    }

    private void Grant(string key, string id, long token, int milliseconds) =>
        _history.Granted(key, id, token, _history.Now + TimeSpan.FromMilliseconds(milliseconds));

    private void Pass(int milliseconds) => _time.Advance(TimeSpan.FromMilliseconds(milliseconds));
}
