namespace Locking.Torture.Tests;

/// <summary>The specification finds what is broken in a history, and nothing in one that is right.</summary>
public class SpecificationTests
{
    [Fact]
    public void A_right_history_breaks_nothing()
    {
        Story story = new Story()
            .Turn(0, 1, 10, "a.1", 5).Turn(2, 11, 20, "b.1", 6)
            .Asks(12, "a.2", wait: 5).Add(18, "a", EventKind.Refused, "a.2")
            .Asks(21, "a.3").Has(22, "a.3", 7, due: 1000).Loses(1001, "a.3", notYet: 999).Releases(1002, "a.3", "AlreadyExpired")
            .Resource(23, EventKind.Read, "a.3", 7, 0).Resource(24, EventKind.Wrote, "a.3", 7, 1);
        Assert.Empty(story.Broken);
    }

    [Fact]
    public void Two_holds_at_once_are_found() =>
        Assert.Contains(Rule.Exclusion, new Story().Turn(0, 1, 10, "a.1", 5).Turn(0, 9, 20, "b.1", 6).Broken);

    [Fact]
    public void An_overlap_with_a_hold_two_grants_ago_is_found() =>
        Assert.Contains(Rule.Exclusion, new Story().Turn(0, 1, 100, "a.1", 5).Turn(0, 110, 120, "b.1", 6).Turn(0, 90, 95, "c.1", 7).Broken);

    [Fact]
    public void A_holder_that_was_killed_holds_until_its_last_word()
    {
        Story story = new Story().Asks(0, "a.1", renews: true).Has(1, "a.1", 5).Add(2, "nemesis", EventKind.Killed).Turn(3, 4, 5, "b.1", 6);
        Assert.Empty(story.Broken);
        Assert.Contains(Rule.Exclusion, story.Add(6, "a", EventKind.Asked, "a.2", number: -1, key: "other").Broken);
    }

    [Fact]
    public void A_paused_holder_may_announce_its_loss_when_it_runs_again()
    {
        Story Paused(double lost) => new Story().Asks(0, "a.1").Has(1, "a.1", 5, due: 900)
            .Add(100, "a", EventKind.Paused).Add(2000, "a", EventKind.Resumed).Turn(0, 1000, 1010, "b.1", 6)
            .Loses(lost + 1, "a.1", notYet: lost).Releases(lost + 2, "a.1", "AlreadyExpired");
        Assert.Empty(Paused(2005).Broken);
        Assert.Equal([Rule.Loss, Rule.Exclusion], Paused(2025).Broken);
    }

    [Fact]
    public void A_gap_of_the_watchdog_counts_as_a_pause() => Assert.Empty(
        new Story().Asks(0, "a.1").Has(1, "a.1", 5, due: 900).Add(1500, "a", EventKind.Gap, number: 890)
            .Loses(1502, "a.1", notYet: 1501).Releases(1503, "a.1", "AlreadyExpired").Turn(0, 1000, 1010, "b.1", 6).Broken);

    [Fact]
    public void A_pause_of_another_process_excuses_nothing() => Assert.Contains(
        Rule.Exclusion,
        new Story().Turn(0, 1, 1500, "a.1", 5).Add(2, "c", EventKind.Paused).Add(1600, "c", EventKind.Resumed)
            .Turn(0, 1000, 1010, "b.1", 6).Broken);

    [Fact]
    public void Who_gives_back_has_no_margin() =>
        Assert.Contains(Rule.Exclusion, new Story().Turn(0, 1, 10, "a.1", 5).Turn(0, 9.9, 20, "b.1", 6).Broken);

    [Fact]
    public void A_store_that_may_forget_excuses_what_was_asked_for_before_and_nothing_after()
    {
        Assert.DoesNotContain(Rule.Exclusion,
            new Story().Turn(0, 1, 100, "a.1", 5).Add(50, "nemesis", EventKind.Forgot, number: 40).Turn(0, 60, 110, "b.1", 6).Broken);
        Assert.Contains(Rule.Exclusion,
            new Story().Add(50, "nemesis", EventKind.Forgot, number: 40).Turn(51, 52, 100, "a.1", 5).Turn(0, 60, 110, "b.1", 6).Broken);
        Assert.Contains(Rule.Exclusion,
            new Story().Turn(0, 1, 100, "a.1", 5).Turn(0, 30, 110, "b.1", 6).Add(50, "nemesis", EventKind.Forgot, number: 40).Broken);
    }

    [Fact]
    public void Tokens_rise_also_where_the_store_forgot()
    {
        Story Forgetful(long second) =>
            new Story().Turn(0, 1, 100, "a.1", 5).Add(50, "nemesis", EventKind.Forgot, number: 40).Turn(55, 60, 110, "b.1", second);
        Assert.DoesNotContain(Rule.Tokens, Forgetful(6).Broken);
        Assert.Contains(Rule.Tokens, Forgetful(4).Broken);
        Assert.Contains(Rule.Tokens, Forgetful(5).Broken);
    }

    [Fact]
    public void A_token_that_falls_from_hold_to_hold_is_found_although_both_asked_at_once() =>
        Assert.Equal([Rule.Tokens], new Story().Turn(0, 1, 10, "a.1", 6).Turn(0, 11, 20, "b.1", 5).Broken);

    [Fact]
    public void A_grant_whose_answer_was_under_way_when_the_store_forgot_is_no_falling_token()
    {
        Story Late(double asked) =>
            new Story().Add(50, "nemesis", EventKind.Forgot, number: 40).Turn(41, 52, 53, "a.1", 6).Turn(asked, 60, 70, "b.1", 5);
        Assert.Empty(Late(39).Broken);
        Assert.Equal([Rule.Tokens], Late(51).Broken);
    }

    [Fact]
    public void A_token_below_one_of_long_ago_is_found() =>
        Assert.Contains(Rule.Tokens,
            new Story().Turn(0, 1, 10, "a.1", 9).Turn(11, 12, 13, "b.1", 5).Turn(14, 15, 16, "c.1", 6).Broken.Skip(1));

    [Theory]
    [InlineData(EventKind.Wrote, 4, 1)] // accepts what is stale
    [InlineData(EventKind.Read, 4, 0)]
    [InlineData(EventKind.Wrote, 5, 2)] // loses an update
    [InlineData(EventKind.Read, 6, 1)] // shows what was not written
    [InlineData(EventKind.Stale, 5, 0)] // refuses the newest
    public void A_resource_that_does_not_check_is_found(EventKind kind, long token, long value) =>
        Assert.Equal([Rule.Resource], new Story().Resource(1, EventKind.Read, "a.1", 5, 0).Resource(2, kind, "b.1", token, value).Broken);

    [Fact]
    public void A_holder_that_the_resource_refuses_is_an_overlap_though_the_other_never_spoke()
    {
        Story Refused(double at) =>
            new Story().Turn(0, 1, 10, "a.1", 5).Resource(2, EventKind.Read, "b.1", 6, 0).Resource(at, EventKind.Stale, "a.1", 5, 0);
        Assert.Equal([Rule.Exclusion], Refused(5).Broken);
        Assert.Empty(Refused(15).Broken);
    }

    [Fact]
    public void A_loss_that_is_never_announced_is_found() =>
        Assert.Equal([Rule.Loss], new Story().Asks(0, "a.1").Has(1, "a.1", 5, due: 900).Releases(1500, "a.1", "AlreadyExpired").Broken);

    [Fact]
    public void A_late_announcement_is_found()
    {
        Assert.Equal([Rule.Loss],
            new Story().Asks(0, "a.1").Has(1, "a.1", 5, due: 900).Loses(912, "a.1", notYet: 911)
                .Releases(913, "a.1", "AlreadyExpired").Broken);
        Assert.Empty(new Story().Asks(0, "a.1").Has(1, "a.1", 5, due: 900).Loses(909, "a.1", notYet: 908)
            .Releases(913, "a.1", "AlreadyExpired").Broken);
    }

    [Theory]
    [InlineData("Removed")]
    [InlineData("HeldByAnother")]
    [InlineData("SessionLost")]
    [InlineData("Expired")]
    public void A_loss_before_its_time_is_found_unless_the_store_may_forget(string reason)
    {
        Story story = new Story().Asks(0, "a.1").Has(1, "a.1", 5, due: 900).Loses(500, "a.1", notYet: 499, reason)
            .Releases(501, "a.1", "AlreadyExpired");
        Assert.Equal([Rule.Loss], story.Broken);
        Assert.Empty(story.Add(400, "nemesis", EventKind.Forgot, number: 390).Broken);
    }

    [Fact]
    public void Released_though_another_was_granted_before_is_found() =>
        Assert.Contains(Rule.Outcomes, new Story().Asks(0, "a.1").Has(1, "a.1", 5, due: 900).Loses(900, "a.1", notYet: 899)
            .Turn(0, 950, 960, "b.1", 6).Releases(1000, "a.1").Broken);

    [Theory]
    [InlineData("AlreadyExpired")]
    [InlineData("HeldByAnother")]
    public void Gone_before_its_time_is_found(string outcome) =>
        Assert.Equal([Rule.Outcomes], new Story().Asks(0, "a.1").Has(1, "a.1", 5, due: 900).Releases(20, "a.1", outcome).Broken);

    [Fact]
    public void Busy_needs_somebody_who_could_hold_it()
    {
        Story Busy(double at) => new Story().Asks(0, "b.1").Has(1, "b.1", 4).Releases(2, "b.1", "Unknown").Asks(at, "a.1", wait: 0)
            .Add(at + 1, "a", EventKind.Refused, "a.1");
        Assert.Empty(Busy(1990).Broken); // unknown: it may still hold
        Assert.Equal([Rule.Outcomes], Busy(2010).Broken);
        Assert.Equal([Rule.Outcomes],
            new Story().Asks(0, "a.1", wait: 0).Add(1, "a", EventKind.Refused, "a.1").Broken); // its own attempt is nobody else
        // A grant that came too late is no busy lock.
        Assert.Equal([Rule.Outcomes], new Story().Asks(0, "a.1", wait: 0).Add(1001, "a", EventKind.Refused, "a.1").Broken);
    }

    [Fact]
    public void A_store_that_forgot_may_know_of_a_hold_that_was_given_back()
    {
        Story Busy(double forgot) => new Story().Turn(0, 1, 2, "b.1", 4).Add(forgot, "nemesis", EventKind.Forgot, number: forgot - 10)
            .Asks(3000, "a.1", wait: 0).Add(3001, "a", EventKind.Refused, "a.1");
        Assert.Empty(Busy(2000).Broken);
        Assert.Equal([Rule.Outcomes], Busy(900).Broken); // what it knew again has ended
        Assert.Equal([Rule.Outcomes], Busy(4000).Broken);
    }

    [Fact]
    public void A_wait_ends_neither_early_nor_late()
    {
        Story Waits(double until) =>
            new Story().Turn(0, 1, 1000, "b.1", 5).Asks(10, "a.1", wait: 200).Add(until, "a", EventKind.Refused, "a.1");
        Assert.Empty(Waits(215).Broken);
        Assert.Equal([Rule.Outcomes], Waits(190).Broken);
        Assert.Equal([Rule.Outcomes], Waits(320).Broken);
    }

    [Fact]
    public void After_the_faults_everybody_is_served_within_the_bound()
    {
        Story Served(double at) =>
            new Story().Add(0, "a", EventKind.Started).Asks(1, "a.1", renews: true).Add(10, "nemesis", EventKind.Healed)
            .Has(at, "a.1", 5).Releases(at + 1, "a.1").Add(at + 900, "nemesis", EventKind.Quiet).Add(at + 901, "a", EventKind.Ended);
        Assert.Empty(Served(400).Broken);
        Assert.Contains(Rule.Liveness, Served(600).Broken);
    }

    [Fact]
    public void Who_is_never_served_or_never_answered_is_found()
    {
        Assert.Equal([Rule.Liveness],
            new Story().Add(0, "a", EventKind.Started).Add(10, "nemesis", EventKind.Healed).Add(600, "a", EventKind.Ended).Broken);
        Assert.Contains(Rule.Liveness,
            new Story().Asks(1, "a.1").Add(10, "nemesis", EventKind.Healed).Add(600, "nemesis", EventKind.Quiet)
                .Add(601, "a", EventKind.Ended).Broken);
    }

    [Fact]
    public void A_fault_long_after_the_faults_is_found() => Assert.Equal(
        [Rule.Liveness],
        new Story().Add(10, "nemesis", EventKind.Healed).Asks(600, "a.1").Add(601, "a", EventKind.Failed, "a.1", text: "no answer").Broken);

    [Fact]
    public void What_is_left_behind_and_what_no_caller_may_see_is_found() => Assert.Equal(
        [Rule.Leftovers, Rule.Faults],
        new Story().Add(1, "nemesis", EventKind.Left, text: "a key").Add(2, "a", EventKind.Broken, text: "NullReferenceException").Broken);
}
