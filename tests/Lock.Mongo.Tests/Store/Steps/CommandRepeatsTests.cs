using Microsoft.Extensions.Time.Testing;

namespace Locking;

/// <summary>The one rule for what is sent again.</summary>
public sealed class CommandRepeatsTests
{
    private static readonly TimeSpan s_search = TimeSpan.FromSeconds(3);
    private static readonly LockStoreException s_notSent = MongoFailure.Create("No server.", isTransient: true, mayHaveRun: false);
    private static readonly LockStoreException s_unknown = MongoFailure.Create("No answer.", isTransient: true, mayHaveRun: true);
    private static readonly LockStoreException s_final = MongoFailure.Create("No rights.", isTransient: false, mayHaveRun: false);
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void What_met_no_server_is_sent_again_while_one_is_looked_for_and_with_pauses_from_the_third_try_on()
    {
        CommandRepeats repeats = Sent(s_search);
        Assert.True(repeats.Allow(s_notSent, foundNoServer: true));
        Assert.Equal(TimeSpan.Zero, repeats.Pause);
        for (int i = 0; i < 20; i++)
        {
            Assert.True(repeats.Allow(s_notSent, foundNoServer: true));
            Assert.Equal(TimeSpan.FromMilliseconds(100), repeats.Pause);
            _time.Advance(TimeSpan.FromMilliseconds(100));
        }

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(repeats.Allow(s_notSent, foundNoServer: true));
    }

    [Fact]
    public void The_search_counts_from_the_first_try_on()
    {
        long sentAt = _time.GetTimestamp();
        _time.Advance(s_search);
        Assert.False(new CommandRepeats(_time, s_search, sentAt).Allow(s_notSent, foundNoServer: true));
        Assert.True(new CommandRepeats(_time, Timeout.InfiniteTimeSpan, sentAt).Allow(s_notSent, foundNoServer: true));
        Assert.False(Sent(TimeSpan.Zero).Allow(s_notSent, foundNoServer: true));
    }

    [Fact]
    public void What_may_have_run_is_sent_again_twice_and_at_once_and_a_search_after_it_has_all_its_time()
    {
        CommandRepeats repeats = Sent(s_search);
        Assert.True(repeats.Allow(s_notSent, foundNoServer: true));
        Assert.True(repeats.Allow(s_notSent, foundNoServer: true));
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.True(repeats.Allow(s_unknown, foundNoServer: false));
        Assert.Equal(TimeSpan.Zero, repeats.Pause);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.True(repeats.Allow(s_notSent, foundNoServer: true));
        Assert.True(repeats.Allow(s_unknown, foundNoServer: false));
        Assert.False(repeats.Allow(s_unknown, foundNoServer: false));
    }

    [Fact]
    public void What_no_repeat_can_help_is_not_sent_again()
    {
        Assert.False(Sent(s_search).Allow(s_final, foundNoServer: true));
        Assert.False(Sent(s_search).Allow(s_final, foundNoServer: false));
    }

    private CommandRepeats Sent(TimeSpan search) => new(_time, search, _time.GetTimestamp());
}
