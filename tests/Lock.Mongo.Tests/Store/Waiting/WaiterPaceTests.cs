using Microsoft.Extensions.Time.Testing;

namespace Locking;

/// <summary>When a waiter asks again.</summary>
public sealed class WaiterPaceTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void The_first_asks_often_and_the_others_the_later_the_farther_they_are()
    {
        List<TimeSpan> pauses = [.. Enumerable.Range(0, 6).Select(place => new WaiterPace(_time).Next(place))];
        Assert.Equal(TimeSpan.FromMilliseconds(2), pauses[0]);
        Assert.Equal(pauses.Order(), pauses);
        Assert.Equal(pauses.Count, pauses.Distinct().Count());
    }

    [Fact]
    public void A_lock_that_is_held_long_is_asked_for_seldom_and_never_so_seldom_that_a_claim_is_missed()
    {
        foreach (int place in (int[])[0, 1, 5, MongoLine.Most])
        {
            WaiterPace pace = new(_time);
            TimeSpan waited = TimeSpan.Zero;
            int questions = 0;
            for (TimeSpan pause; waited < TimeSpan.FromSeconds(10); waited += pause, questions++)
            {
                pause = pace.Next(place);
                Assert.InRange(pause, TimeSpan.FromMilliseconds(2), MongoLine.ShortestClaim / 2);
                _time.Advance(pause);
            }

            Assert.InRange(questions, 20, 100);
        }
    }

    [Fact]
    public void Who_moves_up_learns_how_fast_the_lock_changes_hands()
    {
        WaiterPace slow = new(_time);
        WaiterPace fast = new(_time);
        for (int place = 7; place > 1; place -= 2)
        {
            slow.Next(place);
            _time.Advance(TimeSpan.FromMilliseconds(200));
        }

        for (int place = 7; place > 1; place -= 2)
        {
            fast.Next(place);
            _time.Advance(TimeSpan.FromMilliseconds(4));
        }

        Assert.InRange(fast.Next(1), TimeSpan.FromMilliseconds(2), TimeSpan.FromMilliseconds(6));
        Assert.True(slow.Next(1) > fast.Next(1) * 5);
        Assert.True(slow.Next(0) > fast.Next(0));
    }

    [Fact]
    public void Who_has_to_wait_long_for_an_answer_needs_a_longer_claim()
    {
        WaiterPace pace = new(_time);
        Assert.Equal(MongoLine.ShortestClaim, AskFor(TimeSpan.FromMilliseconds(5)));
        Assert.Equal(MongoLine.ShortestClaim, AskFor(TimeSpan.FromMilliseconds(200)));
        Assert.Equal(TimeSpan.FromMilliseconds(1600), AskFor(TimeSpan.FromSeconds(5)));
        Assert.Equal(MongoLine.Silence, AskFor(TimeSpan.FromMilliseconds(5)));
        Assert.Equal(MongoLine.ShortestClaim, AskFor(TimeSpan.FromMilliseconds(5)));

        TimeSpan AskFor(TimeSpan duration)
        {
            TimeSpan claim = pace.Asking();
            _time.Advance(duration);
            pace.Next(1);
            return claim;
        }
    }

    [Fact]
    public void Who_comes_over_a_slow_way_needs_a_longer_claim_from_the_first_question_on()
    {
        Assert.Equal(MongoLine.ShortestClaim, new WaiterPace(_time, TimeSpan.FromMilliseconds(5)).Asking());
        Assert.Equal(TimeSpan.FromMilliseconds(2400), new WaiterPace(_time, TimeSpan.FromMilliseconds(300)).Asking());
    }

    /// <summary>Its process has a busy pool, or more waiters than connections: each of its questions is quick, and comes late.</summary>
    [Fact]
    public void Who_asks_later_than_it_should_needs_a_longer_claim()
    {
        WaiterPace pace = new(_time);
        Assert.Equal(MongoLine.ShortestClaim, AskAfter(TimeSpan.Zero));
        Assert.Equal(MongoLine.ShortestClaim, AskAfter(TimeSpan.FromMilliseconds(248)));
        Assert.Equal(MongoLine.ShortestClaim, AskAfter(TimeSpan.FromMilliseconds(998)));
        Assert.Equal(TimeSpan.FromSeconds(2), AskAfter(TimeSpan.FromMinutes(1)));
        Assert.Equal(MongoLine.Silence, AskAfter(TimeSpan.FromMilliseconds(248)));
        Assert.True(AskAfter(TimeSpan.FromMilliseconds(248)) < MongoLine.ShortestClaim * 1.1);

        TimeSpan AskAfter(TimeSpan pause)
        {
            _time.Advance(pause);
            TimeSpan claim = pace.Asking();
            _time.Advance(TimeSpan.FromMilliseconds(2));
            pace.Next(1);
            return claim;
        }
    }

    [Fact]
    public void Who_lost_its_place_begins_anew()
    {
        WaiterPace pace = new(_time);
        pace.Next(0);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(TimeSpan.FromMilliseconds(200), pace.Next(0));
        Assert.InRange(pace.Next(3), TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(50));
    }
}
