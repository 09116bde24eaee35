using System.Globalization;

namespace Locking.Torture;

/// <summary>What a lock promises, as rules over the history of a run. Read it from top to bottom: it is the specification.</summary>
/// <remarks>
/// <para>
/// An <i>attempt</i> asks for a key, and may be granted a <i>hold</i>: from <see cref="Attempt.Granted"/>, when its caller was seen to have
/// it with validity left, to <see cref="Attempt.SureEnd"/>, when its caller was last seen to rely on it: before its lost signal was seen,
/// before it began to give the lock back, and no later than the last line of its process. Both ends err on the side of the product.
/// </para>
/// <para>
/// A process that gets no processor cannot announce anything. What it is shown to have been refused (<see cref="History.Withheld"/>: its
/// own watchdog's gaps, and the pauses by the nemesis) does not count, and beside it the margin is the tolerance.
/// </para>
/// <para>
/// The weaker mode: where a topology may forget what it granted (a server without persistence restarts, a replica that lags is promoted),
/// the nemesis says when (<see cref="EventKind.Forgot"/>). A hold that was asked for before that may be held by another after it. Nothing
/// else is excused: tokens still rise, the resource still accepts nothing stale, and holds that began after it exclude each other.
/// </para>
/// </remarks>
public static class Specification
{
    /// <summary>Checks all rules.</summary>
    /// <returns>What is broken, in order of time; empty when the history keeps every promise.</returns>
    public static IReadOnlyList<Violation> Check(History history)
    {
        ArgumentNullException.ThrowIfNull(history);
        List<Violation> all = [];
        foreach (IGrouping<string, Attempt> ofKey in history.Attempts.GroupBy(static attempt => attempt.Key))
        {
            var attempts = ofKey.ToList();
            var holds = attempts.Where(static attempt => attempt.Granted is not null).OrderBy(static attempt => attempt.Granted).ToList();
            all.AddRange(Exclusion(history, holds));
            all.AddRange(Tokens(history, holds));
            all.AddRange(LateLosses(history, holds));
            all.AddRange(EarlyLosses(history, holds));
            all.AddRange(Outcomes(history, holds));
            all.AddRange(Busy(history, attempts));
        }

        all.AddRange(Resource(history));
        all.AddRange(RefusedHolders(history));
        all.AddRange(Waits(history));
        all.AddRange(Liveness(history));
        all.AddRange(Events(history, EventKind.Left, Rule.Leftovers));
        all.AddRange(Events(history, EventKind.Broken, Rule.Faults));
        return [.. all.OrderBy(static one => one.At)];
    }

    /// <summary>No two announced holds of a key overlap.</summary>
    private static IEnumerable<Violation> Exclusion(History history, List<Attempt> holds)
    {
        List<Attempt> earlier = [];
        foreach (Attempt hold in holds)
        {
            long from = hold.Granted!.Value;
            earlier.RemoveAll(one => one.SureEnd <= from);
            foreach (Attempt other in earlier)
            {
                if (RanWhileHeld(history, other, from, other.SureEnd) > 0 && !history.ForgotBetween(other.Asked, from))
                    yield return new Violation(Rule.Exclusion, hold.Key, from,
                        $"{hold} was granted {Ms(other.SureEnd - from)} before {other} ended", other, hold);
            }

            earlier.Add(hold);
        }
    }

    /// <summary>Tokens rise: over every attempt that was asked for after another one was granted, from hold to hold,
    /// and none is given twice.</summary>
    private static IEnumerable<Violation> Tokens(History history, List<Attempt> holds)
    {
        var granted = holds.Where(static hold => hold.Token is not null).ToList();
        Dictionary<long, Attempt> seen = [];
        foreach (Attempt? hold in granted)
        {
            if (!seen.TryAdd(hold.Token!.Value, hold))
                yield return new Violation(Rule.Tokens, hold.Key, hold.Granted!.Value,
                    $"{hold} and {seen[hold.Token.Value]} both have the token {hold.Token}", seen[hold.Token.Value], hold);
        }

        Attempt? highest = null;
        int next = 0;
        foreach (Attempt? hold in granted.OrderBy(static hold => hold.Asked))
        {
            for (; next < granted.Count && granted[next].Granted < hold.Asked; next++)
                highest = highest is null || granted[next].Token > highest.Token ? granted[next] : highest;
            if (hold.Token < highest?.Token)
                yield return new Violation(Rule.Tokens, hold.Key, hold.Granted!.Value,
                    $"{hold} has the token {hold.Token}, and asked after {highest} was granted {highest.Token}", highest, hold);
        }

        foreach ((Attempt before, Attempt after) in granted.Zip(granted.Skip(1)))
        {
            // Who was granted before the store forgot may be seen to have it after one who was granted later: its answer was under way.
            if (before.SureEnd <= after.Granted && after.Token < before.Token && !history.ForgotBetween(after.Asked, after.Granted!.Value))
                yield return new Violation(Rule.Tokens, after.Key, after.Granted!.Value,
                    $"{after} has the token {after.Token}, and {before} before it {before.Token}", before, after);
        }
    }

    /// <summary>A hold whose end is known is announced lost by then, or given back.</summary>
    private static IEnumerable<Violation> LateLosses(History history, List<Attempt> holds) => holds
        .Where(hold => hold.Due < hold.SureEnd && RanWhileHeld(history, hold, hold.Due, hold.SureEnd) > 0)
        .Select(hold =>
            new Violation(Rule.Loss, hold.Key, hold.Due, $"{hold} was not announced lost {Ms(hold.SureEnd - hold.Due)} after its time, "
            + $"of which {Ms(history.Withheld(hold.Process, hold.Due, hold.SureEnd))} were withheld", hold));

    /// <summary>Nothing is taken away before its time but by force.</summary>
    /// <remarks>A lease that runs out is announced as expired, before the store can know. So a store that says "gone" took it before its
    /// time, unless the process did not run when it should have announced the end.</remarks>
    private static IEnumerable<Violation> EarlyLosses(History history, List<Attempt> holds) => holds
        .Where(hold => hold.Lost is { } lost && !history.ForgotBetween(hold.Asked, lost.At) && IsEarly(hold, lost.Reason, lost.At))
        .Where(hold => history.Withheld(hold.Process, hold.Granted!.Value, hold.Lost!.Value.At) < history.Promise.Ttl / 3)
        .Select(static hold =>
            new Violation(Rule.Loss, hold.Key, hold.Lost!.Value.At, $"{hold} was lost ({hold.Lost.Value.Reason}) before its time", hold));

    private static bool IsEarly(Attempt hold, string reason, long at) => reason switch
    {
        "Removed" or "HeldByAnother" or "SessionLost" => true,
        "Expired" => hold.Due != long.MaxValue && at < hold.Due,
        _ => false,
    };

    /// <summary>Released means that it was still held; gone, or another's, that it was not.</summary>
    private static IEnumerable<Violation> Outcomes(History history, List<Attempt> holds)
    {
        for (int i = 0; i < holds.Count; i++)
        {
            Attempt hold = holds[i];
            if (hold is not { Releasing: { } releasing, Released: { } released })
                continue;
            if (hold.Outcome == "Released" && i + 1 < holds.Count && holds[i + 1] is { } next && next.Granted < releasing
                && !history.ForgotBetween(hold.Asked, next.Granted.Value))
                yield return new Violation(Rule.Outcomes, hold.Key, released,
                    $"{hold} was released, as it says, although {next} had been granted before", hold, next);
            if (hold.Outcome is "AlreadyExpired" or "HeldByAnother" && hold.Lost is null && released < hold.Due && hold.Due != long.MaxValue
                && !history.ForgotBetween(hold.Asked, released))
                yield return new Violation(Rule.Outcomes, hold.Key, released,
                    $"{hold} was {hold.Outcome}, as its release says, before its time", hold);
        }
    }

    /// <summary>Busy means that somebody else may have held the lock while it was asked for.</summary>
    /// <remarks>A store that forgot may know of a hold again that was given back.</remarks>
    private static IEnumerable<Violation> Busy(History history, List<Attempt> attempts)
    {
        // By time of asking, and the latest possible end of all that were asked for before: two of them, since the latest may be one's own.
        (long Until, Attempt? Of) latest = (long.MinValue, null), second = (long.MinValue, null);
        var ordered = attempts.OrderBy(static one => one.Asked).ToList();
        int next = 0;
        foreach (Attempt? one in attempts.Where(static one => one.Answer is { Kind: EventKind.Refused })
            .OrderBy(static one => one.Answer!.Value.At))
        {
            for (; next < ordered.Count && ordered[next].Asked < one.Answer!.Value.At; next++)
            {
                long until = ordered[next].PossiblyUntil(history.Promise.Settle);
                if (until > latest.Until)
                    (latest, second) = ((until, ordered[next]), latest);
                else if (until > second.Until)
                    second = (until, ordered[next]);
            }

            if ((latest.Of == one ? second : latest).Until < one.Asked
                && !history.ForgotBetween(one.Asked - history.Promise.Settle, one.Answer!.Value.At))
                yield return new Violation(Rule.Outcomes, one.Key, one.Asked,
                    $"{one} was told that the lock is busy, and nobody could have held it", one);
        }
    }

    /// <summary>The resource accepts no token below the highest that it has seen, refuses none but those, and loses no update.</summary>
    private static IEnumerable<Violation> Resource(History history)
    {
        foreach (IGrouping<string, HistoryEvent> ofKey in history.Events.Where(static one =>
            one.Token is not null && one.Kind is EventKind.Read or EventKind.Wrote or EventKind.Stale).GroupBy(static one => one.Key))
        {
            (long highest, long value) = (long.MinValue, 0L);
            foreach (HistoryEvent? one in ofKey)
            {
                string? problem = one.Kind switch
                {
                    EventKind.Stale => one.Token >= highest ? "refused the newest token" : null,
                    _ when one.Token < highest => "accepted a stale token",
                    EventKind.Read when one.Number != value => "showed another value than was written last",
                    EventKind.Wrote when one.Number != value + 1 => "lost an update",
                    _ => null,
                };
                if (problem is not null)
                    yield return new Violation(Rule.Resource, ofKey.Key, one.At,
                        $"The resource {problem}: {one.Kind} {one.Number} with {one.Token} by {one.Attempt}; highest {highest}, value "
                            + $"{value}");
                highest = Math.Max(highest, one.Token!.Value);
                value = one.Kind == EventKind.Wrote ? one.Number : value;
            }
        }
    }

    /// <summary>A hold that stands is not refused by the resource: nobody can have a higher token yet.</summary>
    private static IEnumerable<Violation> RefusedHolders(History history)
    {
        var byId = history.Attempts.ToDictionary(static attempt => attempt.Id, StringComparer.Ordinal);
        foreach (HistoryEvent? one in history.Events.Where(static one => one.Kind == EventKind.Stale && one.Token is not null))
        {
            if (byId.TryGetValue(one.Attempt, out Attempt? hold) && hold.Granted is { } granted
                && RanWhileHeld(history, hold, one.At, hold.SureEnd) > 0
                && history.Withheld(hold.Process, granted, one.At) == 0 && !history.ForgotBetween(hold.Asked, one.At))
                yield return new Violation(Rule.Exclusion, one.Key, one.At,
                    $"{hold} stands, and the resource has seen a higher token", hold);
        }
    }

    /// <summary>A wait that ends as busy ends neither before its time nor long after it.</summary>
    private static IEnumerable<Violation> Waits(History history)
    {
        foreach (Attempt? one in history.Attempts.Where(static one => one.Wait > 0 && one.Answer is { Kind: EventKind.Refused }))
        {
            long waited = one.Answer!.Value.At - one.Asked;
            long late = waited - one.Wait - history.Withheld(one.Process, one.Asked, one.Answer.Value.At);
            if (waited < one.Wait - (5 * TimeSpan.TicksPerMillisecond))
                yield return new Violation(Rule.Outcomes, one.Key, one.Answer.Value.At,
                    $"{one} waited {Ms(waited)} of {Ms(one.Wait)}, and was told that the time is up", one);
            else if (history.Promise.Patience > 0 && late > history.Promise.Patience)
                yield return new Violation(Rule.Outcomes, one.Key, one.Answer.Value.At,
                    $"{one} waited {Ms(waited)} in place of {Ms(one.Wait)}", one);
        }
    }

    /// <summary>Once the faults have ended everybody who asks is granted the lock within the bound, and nothing fails any more.</summary>
    private static IEnumerable<Violation> Liveness(History history)
    {
        if (history.Healed is not { } healed)
            yield break;
        foreach (Attempt? one in history.Attempts.Where(one => one.LastSeen >= history.End || one.Granted > healed
            || one.Answer?.At > healed))
        {
            long limit = Math.Max(one.Asked, healed) + history.Promise.Bound;
            long answered = one.Granted ?? one.Answer?.At ?? history.End;
            if (answered - history.Withheld(one.Process, healed, answered) > limit)
                yield return new Violation(Rule.Liveness, one.Key, limit,
                    $"{one} was not answered {Ms(answered - Math.Max(one.Asked, healed))} after the faults had ended", one);
            if (one.Asked > healed + history.Promise.Bound && one.Answer is { Kind: EventKind.Failed } answer)
                yield return new Violation(Rule.Liveness, one.Key, answer.At,
                    $"{one} failed long after the faults had ended: {answer.Text}", one);
        }

        IEnumerable<string> started =
            history.Events.Where(one => one.Kind == EventKind.Started && one.At < healed).Select(static one => one.Process);
        var served = history.Attempts.Where(one => one.Granted > healed).Select(static one => one.Process)
            .ToHashSet(StringComparer.Ordinal);
        foreach (string? process in started.Where(process =>
            history.LastSeen[process] >= healed + history.Promise.Bound && !served.Contains(process)))
            yield return new Violation(Rule.Liveness, "", healed, $"{process} was granted nothing after the faults had ended");
    }

    private static IEnumerable<Violation> Events(History history, EventKind kind, Rule rule) => history.Events
        .Where(one => one.Kind == kind)
        .Select(one => new Violation(rule, one.Key, one.At, $"{one.Process}: {one.Text}"));

    /// <summary>How long a holder surely ran and relied on its hold, within a time in which it should not,
    /// beyond what is tolerated.</summary>
    /// <remarks>Where its end was a loss, or it had been stopped, it needs the margin to announce it;
    /// who gives a lock back needs nothing.</remarks>
    private static long RanWhileHeld(History history, Attempt hold, long from, long to)
    {
        long withheld = history.Withheld(hold.Process, from - history.Promise.Margin, to);
        bool announces = withheld > 0 || hold.Lost is not null || hold.Due <= from;
        return to - from - withheld - (announces ? history.Promise.Margin : 0);
    }

    private static string Ms(long ticks) =>
        string.Create(CultureInfo.InvariantCulture, $"{TimeSpan.FromTicks(ticks).TotalMilliseconds:0.0} ms");
}
