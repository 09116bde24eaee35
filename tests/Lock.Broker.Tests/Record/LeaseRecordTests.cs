using Microsoft.Extensions.Time.Testing;

namespace Locking;

/// <summary>The file that tells the next broker what is held.</summary>
public sealed class LeaseRecordTests : LeaseRecordTest
{
    [Fact]
    public void Every_lease_comes_back_with_all_that_is_known_of_it()
    {
        BrokerClaim[] claims =
        [
            Held("plain", "id", TimeSpan.FromSeconds(30)),
            Held("for ever", "id", Timeout.InfiniteTimeSpan),
            Held("\ud800 ü", "ï\udfff", TimeSpan.FromHours(1), owner: "Zoë"),
            Held("a much longer key " + new string('k', 5_000), "id", TimeSpan.FromDays(10_000)),
            Held("5", "U1", TimeSpan.FromSeconds(9), foreignKey: "5"),
            Held("a\"b", "U2", TimeSpan.FromSeconds(9), foreignKey: "\"a\\u0022b\""),
        ];
        using (LeaseRecord record = Open())
        {
            foreach (BrokerClaim claim in claims)
                record.Update(claim);
            Assert.Equal(claims.Length, record.Count);
        }

        Time.Advance(TimeSpan.FromSeconds(2));
        using LeaseRecord next = Open(out List<RecordedLease> leases);
        Assert.Equal(TimeSpan.Zero, next.Pause);
        Assert.True(next.LastToken >= claims[^1].FencingToken);
        foreach (BrokerClaim claim in claims)
        {
            RecordedLease lease = Assert.Single(leases, lease => lease.Key == claim.Key);
            Assert.Equal((claim.Id, claim.Owner, claim.FencingToken), (lease.Id, lease.Owner, lease.Token));
            Assert.Equal(claim.ForeignKey, lease.ForeignKey);
            if (claim.Ttl == Timeout.InfiniteTimeSpan)
                Assert.Equal(claim.Ttl, next.RemainingOf(lease));
            else
                Assert.InRange(next.RemainingOf(lease) - (claim.Ttl - TimeSpan.FromSeconds(2)), TimeSpan.Zero,
                    TimeSpan.FromMilliseconds(5));
        }
    }

    [Fact]
    public void What_has_ended_is_gone_and_an_extension_is_there()
    {
        BrokerClaim ended = Held("ended", "A", TimeSpan.FromHours(1));
        BrokerClaim shortly = Held("short", "B", TimeSpan.FromSeconds(1));
        BrokerClaim extended = Held("extended", "C", TimeSpan.FromSeconds(1));
        using (LeaseRecord record = Open())
        {
            foreach (BrokerClaim claim in (BrokerClaim[])[ended, shortly, extended])
                record.Update(claim);
            Server.Locks.Table.End(ended);
            record.Update(ended);
            Server.Locks.Table.TryExtend(extended, TimeSpan.FromMinutes(1));
            record.Update(extended);
        }

        Time.Advance(TimeSpan.FromSeconds(2));
        using LeaseRecord next = Open(out List<RecordedLease> leases);
        Assert.Equal("extended", Assert.Single(leases).Key);
        Assert.InRange(next.RemainingOf(leases[0]).TotalSeconds, 57.9, 58.1);
    }

    [Fact]
    public void Whoever_comes_after_a_grant_that_a_timer_told_late_finds_no_lease_that_had_ended()
    {
        BrokerClaim claim = Held("k", "A", TimeSpan.FromHours(1));
        using LeaseRecord record = Open();
        Server.Locks.Table.End(claim);
        record.Update(claim);

        // The grant's own update comes only now.
        record.Update(claim);
        Assert.Equal(0, record.Count);
    }

    [Fact]
    public void Of_several_keys_taken_together_all_are_there_or_none()
    {
        BrokerClaim[] finished = [Member("a", "M"), Member("b", "M")];
        BrokerClaim[] half = [Member("c", "N"), Member("d", "N")];
        using (LeaseRecord record = Open())
        {
            record.Update(finished);
            record.Update(half);

            // As a kill between the two halves of the step leaves them.
            foreach (BrokerClaim claim in half)
                claim.RecordedIn!.Word(claim.RecordedAt, RecordedLease.StateOffset) ^= 0x5A5A_5A5A_5A5A_5A5A;
            finished[1].RecordedIn!.Word(finished[1].RecordedAt, RecordedLease.StateOffset) ^= 0x5A5A_5A5A_5A5A_5A5A;
        }

        using LeaseRecord next = Open(out List<RecordedLease> leases);
        Assert.Equal(["a", "b"], leases.Select(static lease => lease.Key).Order());
        Assert.Equal(TimeSpan.Zero, next.Pause);
    }

    [Fact]
    public void A_step_of_the_wall_clock_changes_nothing_and_after_another_boot_it_is_what_counts()
    {
        var boot = Guid.NewGuid();
        using (var record = new LeaseRecord(RecordPath, false, Time, boot))
        {
            record.Load();
            record.Update(Held("k", "A", TimeSpan.FromHours(1)));
        }

        // Back to a time when the lease began, though half an hour has passed.
        Time.Advance(TimeSpan.FromMinutes(30));
        var stepped = new SteppedTime(Time, TimeSpan.FromMinutes(-25));
        using (var record = new LeaseRecord(RecordPath, false, stepped, boot))
            Assert.InRange(record.RemainingOf(Assert.Single(record.Load())).TotalMinutes, 29.9, 30.1);

        // The clock that runs since the start of the machine begins again.
        var rebooted = new SteppedTime(new FakeTimeProvider(Time.GetUtcNow()), TimeSpan.FromMinutes(-25) + TimeSpan.FromMinutes(10));
        using var next = new LeaseRecord(RecordPath, false, rebooted, Guid.NewGuid());
        Assert.InRange(next.RemainingOf(Assert.Single(next.Load())).TotalMinutes, 19.9, 20.1);
    }

    [Fact]
    public async Task At_whatever_moment_the_file_is_looked_at_what_is_held_throughout_stands_there()
    {
        using LeaseRecord record = Open();
        using var stop = new CancellationTokenSource();
        var steady = Enumerable.Range(0, 700).Select(i => Held($"steady{i}", "S", TimeSpan.FromHours(1))).ToList();
        foreach (BrokerClaim? claim in steady)
            record.Update(claim);
        var churn = Enumerable.Range(0, 2).Select(worker => Task.Run(() =>
        {
            for (int i = 0; !stop.IsCancellationRequested; i++)
            {
                List<BrokerClaim> some =
                    [.. Enumerable.Range(0, 1 + (i % 3 * 500)).Select(n => Held($"w{worker}/{i}/{n}", "C", TimeSpan.FromHours(1)))];
                foreach (BrokerClaim claim in some)
                    record.Update(claim);
                foreach (BrokerClaim claim in some)
                {
                    Server.Locks.Table.End(claim);
                    record.Update(claim);
                }

                record.KeepHouse();
            }
        })).ToList();
        for (int look = 0; look < 60; look++)
        {
            string copy = Path.Combine(Folder, "copy");
            File.Copy(RecordPath, copy, overwrite: true);
            using var read = new LeaseRecord(copy, isDurable: false, Time);
            Assert.Equal(700, read.Load().Where(static lease => lease.Id == "S").DistinctBy(static lease => lease.Key).Count());
        }

        await stop.CancelAsync();
        await Task.WhenAll(churn);
    }
}
