namespace Locking;

/// <summary>A file that is damaged, cut off, foreign, or finds no room: what is lost is not granted while it may be held.</summary>
public sealed class LeaseRecordDamageTests : LeaseRecordTest
{
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
            Server.Locks.Table.End(old);
            record.Update(old);
            record.Update(damaged);
            Time.Advance(TimeSpan.FromSeconds(1));
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
            Server.Locks.Table.End(once);
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
            Server.Locks.Table.End(claim);
            record.Update(claim);
        }

        for (int i = 0; i < 10; i++)
            record.KeepHouse();
        Assert.True(record.Length < 2 * 1024 * 1024, $"{record.Length} bytes");
        Assert.Equal(record.Length, new FileInfo(RecordPath).Length);
        Assert.Equal(kept.Count, record.Count);

        // What was moved is still where its end will be recorded.
        Server.Locks.Table.End(kept[^1]);
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
        Time.Advance(TimeSpan.FromDays(1));
        for (int restart = 0; restart < 2; restart++)
        {
            using LeaseRecord next = Open(out List<RecordedLease> leases);
            Assert.Empty(leases);
            Assert.Equal(RecordCover.PermanentWait, next.Pause);
            Time.Advance(TimeSpan.FromSeconds(10));
            next.KeepHouse();
        }

        using (LeaseRecord waits = Open(out _))
        {
            Time.Advance(RecordCover.PermanentWait);
            waits.KeepHouse();
        }

        using LeaseRecord last = Open(out _);
        Assert.Equal(TimeSpan.Zero, last.Pause);
    }
}
