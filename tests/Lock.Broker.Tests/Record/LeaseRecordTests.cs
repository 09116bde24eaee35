using Locking.Conformance;
using Microsoft.Extensions.Time.Testing;

namespace Locking;

/// <summary>The file that tells the next broker what is held.</summary>
public sealed class LeaseRecordTests : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lock-record-").FullName;
    private readonly FakeTimeProvider _time = new();
    private readonly BrokerServer _server;
    private readonly PublishedState _published;

    public LeaseRecordTests()
    {
        _server = new BrokerServer(
            new BrokerServerOptions { Path = Path.Combine(_directory, "never.sock") },
            LockProviderContext.Default with { TimeProvider = _time });
        _published = new PublishedState(_server.Locks, TimeSpan.FromSeconds(4));
    }

    private string RecordPath => Path.Combine(_directory, "record");

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

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

        _time.Advance(TimeSpan.FromSeconds(2));
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
            _server.Locks.Table.End(ended);
            record.Update(ended);
            _server.Locks.Table.TryExtend(extended, TimeSpan.FromMinutes(1));
            record.Update(extended);
        }

        _time.Advance(TimeSpan.FromSeconds(2));
        using LeaseRecord next = Open(out List<RecordedLease> leases);
        Assert.Equal("extended", Assert.Single(leases).Key);
        Assert.InRange(next.RemainingOf(leases[0]).TotalSeconds, 57.9, 58.1);
    }

    [Fact]
    public void Whoever_comes_after_a_grant_that_a_timer_told_late_finds_no_lease_that_had_ended()
    {
        BrokerClaim claim = Held("k", "A", TimeSpan.FromHours(1));
        using LeaseRecord record = Open();
        _server.Locks.Table.End(claim);
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
    public void Whichever_byte_of_a_lease_is_damaged_the_others_come_back_and_nothing_is_granted_while_it_may_live()
    {
        BrokerClaim damaged = Held("damaged", "A", TimeSpan.FromMinutes(10));
        int start;
        using (LeaseRecord record = Open())
        {
            record.Update(Held("good", "B", TimeSpan.FromSeconds(20)));
            record.Update(damaged);
            start = (int)damaged.RecordedIn!.Position + (damaged.RecordedAt * damaged.RecordedIn.PlaceSize);
        }

        byte[] bytes = File.ReadAllBytes(RecordPath);
        int end = bytes.AsSpan(start).IndexOf("damaged"u8) + "damagedATest".Length;
        for (int at = 0; at < end; at++)
        {
            if (at is >= 8 and < 16)
                continue; // its end, which changes by itself
            byte[] torn = (byte[])bytes.Clone();
            torn[start + at] ^= 0x41;
            File.WriteAllBytes(RecordPath, torn);
            for (int restart = 0; restart < 2; restart++)
            {
                using LeaseRecord next = Open(out List<RecordedLease> leases);
                Assert.True(next.IsDamaged == (restart == 0), $"byte {at}");
                Assert.Equal("good", Assert.Single(leases).Key);
                Assert.InRange(next.Pause.TotalMinutes, 9.9, 10.3);
            }
        }
    }

    [Fact]
    public void Damage_makes_nobody_wait_for_a_lease_of_long_ago()
    {
        BrokerClaim old = Held("old", "A", TimeSpan.FromDays(10_000));
        BrokerClaim damaged = Held("damaged", "B", TimeSpan.FromSeconds(5));
        using (LeaseRecord record = Open())
        {
            record.Update(old);
            _server.Locks.Table.End(old);
            record.Update(old);
            record.Update(damaged);
            _time.Advance(TimeSpan.FromSeconds(1));
            record.KeepHouse();
            damaged.RecordedIn!.Word(damaged.RecordedAt, RecordedLease.StateOffset)++;
        }

        using LeaseRecord next = Open(out _);
        Assert.InRange(next.Pause.TotalSeconds, 5, 60);
    }

    [Fact]
    public void A_file_whose_maker_was_killed_on_the_way_is_a_new_one_or_as_long_as_it_was()
    {
        File.WriteAllBytes(RecordPath, new byte[100_000]);
        using (LeaseRecord record = Open())
            record.Update(Held("k", "A", TimeSpan.FromMinutes(1)));
        long length = new FileInfo(RecordPath).Length;
        using (FileStream file = File.OpenWrite(RecordPath))
            file.SetLength(length + 70_000);
        using LeaseRecord next = Open(out List<RecordedLease> leases);
        Assert.Equal("k", Assert.Single(leases).Key);
        Assert.False(next.IsDamaged);
        Assert.Equal(length, next.Length);
    }

    [Fact]
    public void A_file_that_was_cut_off_counts_as_damaged()
    {
        using (LeaseRecord record = Open())
        {
            for (int i = 0; i < 2_000; i++)
                record.Update(Held($"k{i}", "A", TimeSpan.FromMinutes(1)));
        }

        using (FileStream file = File.OpenWrite(RecordPath))
            file.SetLength(file.Length - 1);
        using LeaseRecord next = Open(out List<RecordedLease> leases);
        Assert.True(next.IsDamaged);
        Assert.InRange(leases.Count, 1000, 1999);
        Assert.InRange(next.Pause.TotalSeconds, 60, 80);
    }

    [Fact]
    public void Some_other_file_is_refused_and_stays_as_it_is()
    {
        File.WriteAllText(RecordPath, "what somebody else has written");
        Assert.Contains("no record of a broker", Assert.Throws<IOException>(() => Open()).Message);
        Assert.Equal("what somebody else has written", File.ReadAllText(RecordPath));
    }

    [Fact]
    public void It_grows_and_shrinks_with_the_leases_that_live_at_one_time()
    {
        using LeaseRecord record = Open();
        long first = record.Length;
        for (int i = 0; i < 20_000; i++)
        {
            BrokerClaim once = Held("same", $"{i}", TimeSpan.FromHours(1));
            record.Update(once);
            _server.Locks.Table.End(once);
            record.Update(once);
        }

        Assert.Equal(first, record.Length);
        List<BrokerClaim> claims = [.. Enumerable.Range(0, 10_000).Select(i => Held($"k{i}", "A", TimeSpan.FromHours(1)))];
        foreach (BrokerClaim claim in claims)
            record.Update(claim);
        Assert.True(record.Length > 2_000_000);
        var kept = claims.Where(static (_, i) => i % 100 == 99).ToList();
        foreach (BrokerClaim? claim in claims.Except(kept))
        {
            _server.Locks.Table.End(claim);
            record.Update(claim);
        }

        for (int i = 0; i < 10; i++)
            record.KeepHouse();
        Assert.True(record.Length < 2 * 1024 * 1024, $"{record.Length} bytes");
        Assert.Equal(record.Length, new FileInfo(RecordPath).Length);
        Assert.Equal(kept.Count, record.Count);

        // What was moved is still where its end will be recorded.
        _server.Locks.Table.End(kept[^1]);
        record.Update(kept[^1]);
        Assert.Equal(kept.SkipLast(1).Select(static claim => claim.Key).Order(), RecordFileKeys());
    }

    [Fact]
    public void Without_room_it_says_until_when_anything_may_be_held_and_catches_up_when_there_is_room()
    {
        LeaseRecord record = Open();
        using (FullDisk.At(RecordPath))
        {
            for (int i = 0; i < 1_100; i++)
                record.Update(Held($"k{i}", "A", TimeSpan.FromMinutes(5)));
            Assert.True(record.IsBehind);
            record.KeepHouse();
            Assert.True(record.IsBehind);

            // What ends needs no room, and makes some.
            using LeaseRecord next = OpenCopy(out List<RecordedLease> leases);
            Assert.Equal(1_023, leases.Count);
            Assert.InRange(next.Pause.TotalSeconds, 299, 312);
        }

        record.KeepHouse();
        Assert.False(record.IsBehind);
        record.Dispose();
        using LeaseRecord last = Open(out List<RecordedLease> all);
        Assert.Equal(1_100, all.Count);
        Assert.Equal(TimeSpan.Zero, last.Pause);
    }

    [Fact]
    public void A_lease_without_expiry_that_found_no_room_is_waited_for_by_each_broker_that_starts()
    {
        LeaseRecord record = Open();
        using (FullDisk.At(RecordPath))
        {
            for (int i = 0; i < 1_023; i++)
                record.Update(Held($"k{i}", "A", TimeSpan.FromSeconds(1)));
            record.Update(Held("never", "A", Timeout.InfiniteTimeSpan));
        }

        record.Dispose();
        _time.Advance(TimeSpan.FromDays(1));
        for (int restart = 0; restart < 2; restart++)
        {
            using LeaseRecord next = Open(out List<RecordedLease> leases);
            Assert.Empty(leases);
            Assert.Equal(RecordCover.PermanentWait, next.Pause);
            _time.Advance(TimeSpan.FromSeconds(10));
            next.KeepHouse();
        }

        using (LeaseRecord waits = Open(out _))
        {
            _time.Advance(RecordCover.PermanentWait);
            waits.KeepHouse();
        }

        using LeaseRecord last = Open(out _);
        Assert.Equal(TimeSpan.Zero, last.Pause);
    }

    [Fact]
    public void A_step_of_the_wall_clock_changes_nothing_and_after_another_boot_it_is_what_counts()
    {
        var boot = Guid.NewGuid();
        using (var record = new LeaseRecord(RecordPath, false, _time, boot))
        {
            record.Load();
            record.Update(Held("k", "A", TimeSpan.FromHours(1)));
        }

        // Back to a time when the lease began, though half an hour has passed.
        _time.Advance(TimeSpan.FromMinutes(30));
        var stepped = new SteppedTime(_time, TimeSpan.FromMinutes(-25));
        using (var record = new LeaseRecord(RecordPath, false, stepped, boot))
            Assert.InRange(record.RemainingOf(Assert.Single(record.Load())).TotalMinutes, 29.9, 30.1);

        // The clock that runs since the start of the machine begins again.
        var rebooted = new SteppedTime(new FakeTimeProvider(_time.GetUtcNow()), TimeSpan.FromMinutes(-25) + TimeSpan.FromMinutes(10));
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
                    _server.Locks.Table.End(claim);
                    record.Update(claim);
                }

                record.KeepHouse();
            }
        })).ToList();
        for (int look = 0; look < 60; look++)
        {
            string copy = Path.Combine(_directory, "copy");
            File.Copy(RecordPath, copy, overwrite: true);
            using var read = new LeaseRecord(copy, isDurable: false, _time);
            Assert.Equal(700, read.Load().Where(static lease => lease.Id == "S").DistinctBy(static lease => lease.Key).Count());
        }

        await stop.CancelAsync();
        await Task.WhenAll(churn);
    }

    private BrokerClaim Member(string key, string id) => Take(
        new MemberClaim(_published, new CompositeLock(_published, id), key, TimeSpan.FromMinutes(1)));

    private BrokerClaim Held(string key, string id, TimeSpan ttl, string owner = "Test", string? foreignKey = null) => Take(
        foreignKey is null
            ? new OwnClaim(_server.Locks.Records, key, id, owner, ttl)
            : new PublishedClaim(_published, key, System.Text.Encoding.UTF8.GetBytes(foreignKey), id, owner, ttl));

    private BrokerClaim Take(BrokerClaim claim)
    {
        Assert.Equal(AcquireStatus.Granted, _server.Locks.Table.Acquire(claim, default).Status);
        return claim;
    }

    private LeaseRecord Open() => Open(out _);

    private LeaseRecord Open(out List<RecordedLease> leases) => Load(RecordPath, out leases);

    private LeaseRecord OpenCopy(out List<RecordedLease> leases)
    {
        string copy = RecordPath + ".copy";
        File.Copy(RecordPath, copy, overwrite: true);
        return Load(copy, out leases);
    }

    private LeaseRecord Load(string path, out List<RecordedLease> leases)
    {
        var record = new LeaseRecord(path, isDurable: false, _time);
        leases = record.Load();
        return record;
    }

    private IEnumerable<string> RecordFileKeys()
    {
        using LeaseRecord read = OpenCopy(out List<RecordedLease> leases);
        return [.. leases.Select(static lease => lease.Key).Order()];
    }

    private sealed class SteppedTime(TimeProvider time, TimeSpan step) : TimeProvider
    {
        public override long TimestampFrequency => time.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => time.GetUtcNow() + step;

        public override long GetTimestamp() => time.GetTimestamp();
    }
}
