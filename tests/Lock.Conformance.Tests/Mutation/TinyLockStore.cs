using System.Runtime.CompilerServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Locking.Conformance.Tests.Mutation;

/// <summary>A small store with every ability, right but for one mistake.</summary>
internal sealed class TinyLockStore : ILockStore, IReleaseSignal, IWaitingStore, ILossSignal, IForceReleaseStore
{
    private readonly TinyTable _table;
    private readonly Mistake _mistake;
    private readonly TimeProvider _processClock;
    private readonly TinyBackend _backend;
    private long _count;
    private bool _disposed;

    public TinyLockStore(TinyTable table, Mistake mistake, TimeProvider? processClock = null, TinyBackend backend = TinyBackend.Answers)
    {
        _table = Has(mistake, Mistake.S11_Each_instance_has_its_own_locks) ? new TinyTable(table.Clock) : table;
        _mistake = mistake;
        _processClock = processClock ?? table.Clock;
        _backend = backend;
        lock (_table.Gate)
            _table.Stores.Add(this);
    }

    public event Action<StoreLoss>? LeaseLost;

    public string Type => "tiny";

    private TimeSpan Now => Is(Mistake.S33_Expiry_by_the_callers_clock) ? _processClock.SinceZero() : _table.Now;

    public ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken) =>
        Is(Mistake.S10_Checks_then_acts)
            ? CheckThenActAsync(request, cancellationToken)
            : StepAsync(() => Acquire(request, _table.Now, request.Queue), cancellationToken);

    public async ValueTask<AcquireReply> AcquireAsync(AcquireRequest request, TimeSpan atMost, CancellationToken cancellationToken)
    {
        TimeSpan arrived = _table.Now;
        TimeSpan end = atMost == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : arrived + atMost;
        while (true)
        {
            bool last = _table.Now >= end || (Is(Mistake.S22_The_wait_ends_too_early) && atMost > TimeSpan.Zero);
            AcquireReply reply = Is(Mistake.S10_Checks_then_acts)
                ? await CheckThenActAsync(request, cancellationToken)
                : await StepAsync(() => Acquire(request, arrived, queue: true), cancellationToken);
            if (reply.IsGranted)
            {
                if (Is(Mistake.S24_Queued_for_is_too_long))
                    return AcquireReply.Granted(reply.FencingToken, (_table.Now - arrived) * 2 + TimeSpan.FromSeconds(1));
                return AcquireReply.Granted(reply.FencingToken, _table.Now - arrived);
            }

            if (last)
            {
                if (!Is(Mistake.S22_A_waiter_keeps_its_place_when_its_time_is_up))
                {
                    lock (_table.Gate)
                        Leave(request.Key, request.HolderId);
                }

                return reply;
            }

            await Task.Delay(1, cancellationToken);
        }
    }

    public ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken) =>
        StepAsync(
        () =>
        {
            TinyTable.Row? row = Find(key);
            if (row is null && Is(Mistake.S04_Extending_creates))
            {
                Acquire(new AcquireRequest(key, holderId, "", ttl), _table.Now, queue: false);
                return StoreReply.Done;
            }

            bool isLive = row?.IsLive(Now) == true || (Is(Mistake.S07_Extending_revives) && row is { Released: false });
            if (!isLive)
                return StoreReply.NotHeld;
            if (row!.Id != holderId && !Is(Mistake.S04_Extends_by_key_alone))
                return StoreReply.HeldByAnother;
            if (Is(Mistake.S18_Infinite_cannot_be_ended) && row.Ttl == Timeout.InfiniteTimeSpan)
                return StoreReply.Done;
            TimeSpan remaining = row.Remaining(Now);
            if (Is(Mistake.S04_Extending_never_shortens) && ttl != Timeout.InfiniteTimeSpan && ttl < remaining)
                return StoreReply.Done;
            row.Ttl = Is(Mistake.S04_Extending_adds_to_the_ttl) && ttl != Timeout.InfiniteTimeSpan ? ttl + remaining : Stored(ttl);
            row.From = Now;
            row.Extended++;
            return StoreReply.Done;
        },
        cancellationToken);

    public ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken) => StepAsync(
        () =>
        {
            if (!Is(Mistake.S17_Release_leaves_the_place_in_the_queue))
                Leave(key, holderId);
            TinyTable.Row? row = Find(key);
            if (row?.IsLive(Now) != true)
                return Is(Mistake.S05_A_second_release_is_done_too) && row?.Id == holderId ? StoreReply.Done : StoreReply.NotHeld;
            if (row.Id != holderId && !Is(Mistake.S05_Releases_by_key_alone))
                return Is(Mistake.S16_Not_held_when_held_by_another) ? StoreReply.NotHeld : StoreReply.HeldByAnother;
            if (Is(Mistake.S35_A_lease_that_was_extended_twice_cannot_be_released) && row.Extended >= 2)
                return StoreReply.NotHeld;
            End(row, Is(Mistake.S08_Release_deletes_the_counter), notify: true);
            if (Is(Mistake.S29_A_release_is_told_as_a_loss))
                LeaseLost?.Invoke(new StoreLoss(key, holderId, LostReason.Removed));
            return StoreReply.Done;
        },
        cancellationToken);

    public async ValueTask<bool> ForceReleaseAsync(string key, CancellationToken cancellationToken)
    {
        TinyTable.Row? ended = await StepAsync(
            () =>
            {
                TinyTable.Row? row = Find(key);
                if (row?.IsLive(Now) != true
                    || (Is(Mistake.S20_Force_cannot_end_a_lease_without_expiry) && row.Ttl == Timeout.InfiniteTimeSpan))
                    return null;
                End(row, Is(Mistake.S20_Force_resets_the_token), notify: !Is(Mistake.S21_Force_gives_no_notice));
                return row;
            },
            cancellationToken);
        if (ended is null)
            return Is(Mistake.S20_Force_answers_true_for_a_free_lock);
        List<TinyLockStore> stores;
        lock (_table.Gate)
            stores = [.. _table.Stores];
        if (!Is(Mistake.S29_Nobody_is_told_of_force))
            stores.ForEach(store => store.LeaseLost?.Invoke(new StoreLoss(key, ended.Id, LostReason.Forced)));
        return true;
    }

    public ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken) => StepAsync(
        () => Find(key) is { } row && (row.IsLive(Now) || (Is(Mistake.S14_Get_shows_expired_leases) && !row.Released))
            ? Info(row, key)
            : null,
        cancellationToken);

    public async IAsyncEnumerable<LockInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        List<LockInfo> infos = await StepAsync(
            () => _table.Rows.Values.Where(row => row.IsLive(Now) || (Is(Mistake.S15_List_shows_expired_leases) && !row.Released))
                .Where(row => Matches(row.Key, prefix)).Select(row => Info(row, row.Key)).ToList(),
            cancellationToken);
        foreach (LockInfo? info in infos)
            yield return info;
    }

    public ValueTask<IReleaseWatch> WatchAsync(string key, CancellationToken cancellationToken) => StepAsync<IReleaseWatch>(
        () =>
        {
            var watch = new TinyTable.TinyWatch(_table, Name(key), Is(Mistake.S21_A_watch_ignores_its_limit));
            _table.Watches.Add(watch);
            return watch;
        },
        cancellationToken);

    public ValueTask DisposeAsync()
    {
        lock (_table.Gate)
        {
            _disposed = !Is(Mistake.S30_Works_on_after_disposal);
            _table.Stores.Remove(this);
            foreach (TinyTable.Row? row in _table.Rows.Values.Where(row => !row.Released))
                row.Released = Is(Mistake.S30_Disposing_releases_the_leases_of_others)
                    || (Is(Mistake.S31_Disposing_releases_leases_to_be_kept) && row.Keep);
        }

        return ValueTask.CompletedTask;
    }

    private static bool Has(Mistake mistake, Mistake asked) => mistake == asked;

    private bool Is(Mistake mistake) => _mistake == mistake;

    private async ValueTask<T> StepAsync<T>(Func<T> step, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!Is(Mistake.S12_Ignores_a_cancelled_token) && !Is(Mistake.S12_Acts_before_it_looks_at_the_token))
            cancellationToken.ThrowIfCancellationRequested();
        await FailAsync(cancellationToken);
        T result;
        lock (_table.Gate)
            result = step();
        if (Is(Mistake.S12_Acts_before_it_looks_at_the_token))
            cancellationToken.ThrowIfCancellationRequested();
        return result;
    }

    private async ValueTask<AcquireReply> CheckThenActAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        if (await GetAsync(request.Key, cancellationToken) is { } holder && holder.Id != request.HolderId)
            return AcquireReply.Busy(holder.Remaining);
        await Task.Delay(1, cancellationToken);
        return await StepAsync(
            () =>
            {
                if (Find(request.Key) is { } row)
                    row.Released |= row.Id != request.HolderId;
                return Acquire(request, _table.Now, request.Queue);
            },
            cancellationToken);
    }

    /// <summary>What a backend that is not there does.</summary>
    private async Task FailAsync(CancellationToken cancellationToken)
    {
        if (_backend == TinyBackend.IsUnreachable)
        {
            if (Is(Mistake.S13_Throws_the_drivers_exception))
                throw new IOException("connection refused");
            throw new LockStoreException("connection refused", isTransient: !Is(Mistake.S13_An_unreachable_backend_is_not_transient));
        }

        if (_backend == TinyBackend.IsSilent)
        {
            CancellationToken token =
                Is(Mistake.S12_Ignores_cancellation_while_the_backend_is_silent) ? CancellationToken.None : cancellationToken;
            await Task.Delay(Is(Mistake.S13_Waits_for_ever) ? Timeout.InfiniteTimeSpan : TimeSpan.FromMilliseconds(500), token);
            throw new LockStoreException("no answer", isTransient: true);
        }
    }

    private AcquireReply Acquire(AcquireRequest request, TimeSpan arrived, bool queue)
    {
        (string key, string id, TimeSpan ttl) = (request.Key, request.HolderId, request.Ttl);
        if (Is(Mistake.S25_Control_characters_are_refused) && key.Any(char.IsControl))
            throw new LockStoreException("bad key", isTransient: false);
        TimeSpan now = Now;
        TinyTable.Row? row = Find(key);
        bool isLive = row?.IsLive(now) == true;
        if (isLive && row!.Id != id && !(Is(Mistake.S26_The_owner_is_compared) && row.Owner == request.Owner && row.Owner != "tester"))
            return Refuse(request, row, queue);
        if (row is not null && Is(Mistake.S22_A_waiter_is_forgotten_when_the_lease_expires) && queue && !isLive && !row.Released)
            return AcquireReply.Busy(null);
        if (_table.Queues.TryGetValue(Name(key), out List<(string Id, TimeSpan Since)>? waiters) && waiters.Count > 0)
        {
            (string Id, TimeSpan Since) next = Is(Mistake.S23_Last_come_first_served) ? waiters[^1] : waiters[0];
            if (next.Id != id)
                return Refuse(request, null, queue);
        }

        if (Is(Mistake.S01_Never_grants) || (isLive && Is(Mistake.S03_The_same_holder_is_refused)))
            return AcquireReply.Busy(null);
        if (row is null && Is(Mistake.S28_A_race_for_a_fresh_key_is_a_fault) && ++_count % 16 == 0)
            throw new LockStoreException("duplicate key", isTransient: true);
        Leave(key, id);
        long token = isLive && !Is(Mistake.S03_A_new_token_for_the_same_holder) ? row!.Token : NextToken(row, id);
        if (Is(Mistake.S01_Forgets_the_grant))
            return AcquireReply.Granted(token);
        var fresh = new TinyTable.Row(key, id, request.Owner, token, Now, Stored(ttl)) { Keep = request.KeepOnDisconnect };
        if (isLive && Is(Mistake.S03_Asking_again_leaves_the_ttl))
            (fresh.From, fresh.Ttl) = (row!.From, row.Ttl);
        if (row?.Id == id && Is(Mistake.S27_A_repeated_acquire_never_expires))
            fresh.Ttl = Timeout.InfiniteTimeSpan;
        if (Is(Mistake.S24_The_lease_of_a_waiter_begins_when_it_came))
            fresh.From = arrived;
        if (Is(Mistake.S33_The_end_is_written_by_the_callers_clock))
            fresh.From = _processClock.SinceZero();
        _table.Rows[Name(key)] = fresh;
        return AcquireReply.Granted(token);
    }

    private AcquireReply Refuse(AcquireRequest request, TinyTable.Row? holder, bool queue)
    {
        if (queue)
        {
            string name = Name(request.Key);
            if (!_table.Queues.TryGetValue(name, out List<(string Id, TimeSpan Since)>? waiters))
                _table.Queues.Add(name, waiters = []);
            if (!waiters.Exists(waiter => waiter.Id == request.HolderId))
                waiters.Add((request.HolderId, _table.Now));
        }

        if (holder is null)
            return AcquireReply.Busy(TimeSpan.Zero);
        if (Is(Mistake.S02_A_refused_acquire_restarts_the_ttl))
            (holder.From, holder.Ttl) = (Now, request.Ttl);
        if (Is(Mistake.S02_A_refused_acquire_changes_the_owner))
            holder.Owner = request.Owner;
        return AcquireReply.Busy(Is(Mistake.S02_Tells_no_remaining) ? null : holder.Remaining(Now));
    }

    private void End(TinyTable.Row row, bool forget, bool notify)
    {
        row.Released = true;
        if (forget)
            _table.Rows.Remove(Name(row.Key));
        foreach (TinyTable.TinyWatch? watch in _table.Watches.Where(watch => notify && watch.Name == Name(row.Key)))
        {
            if (!Is(Mistake.S21_A_notice_that_nobody_waits_for_is_dropped) || watch.IsWaiting)
                watch.Notify();
            if (Is(Mistake.S21_Only_one_watcher_is_told))
                break;
        }
    }

    private void Leave(string key, string id)
    {
        if (_table.Queues.TryGetValue(Name(key), out List<(string Id, TimeSpan Since)>? waiters))
            waiters.RemoveAll(waiter => waiter.Id == id);
    }

    private long NextToken(TinyTable.Row? row, string id)
    {
        if (row is { Released: false } && Is(Mistake.S08_Expiry_repeats_the_token))
            return row.Token;
        if (row?.Id == id && Is(Mistake.S08_The_same_holder_after_expiry_gets_its_token_again))
            return row.Token;
        if (Is(Mistake.S08_Each_instance_counts_by_itself))
            return ++_count;
        long time = Is(Mistake.S19_Tokens_in_ticks_of_100_ns) ? _table.Clock.GetUtcNow().Ticks : 0;
        return Math.Max(time, (row?.Token ?? 0) + 1);
    }

    private TimeSpan Stored(TimeSpan ttl)
    {
        if (ttl == Timeout.InfiniteTimeSpan)
        {
            return Is(Mistake.S18_Infinite_is_thirty_seconds) ? TimeSpan.FromSeconds(30)
                : Is(Mistake.S18_Infinite_is_already_over) ? TimeSpan.FromMilliseconds(-2)
                : ttl;
        }

        return _mistake switch
        {
            Mistake.S06_Never_expires => Timeout.InfiniteTimeSpan,
            Mistake.S06_Expires_early => ttl * 0.9,
            Mistake.S32_Ttl_in_milliseconds_overflows => TimeSpan.FromMilliseconds(unchecked((int)(long)ttl.TotalMilliseconds)),
            Mistake.S32_A_ttl_below_a_second_is_rounded_up => TimeSpan.FromSeconds(Math.Ceiling(ttl.TotalSeconds)),
            _ => ttl,
        };
    }

    private TinyTable.Row? Find(string key) => _table.Rows.GetValueOrDefault(Name(key));

    private string Name(string key) => _mistake switch
    {
        Mistake.S09_Case_does_not_matter => key.ToUpperInvariant(),
        Mistake.S09_Long_keys_are_cut => key[..Math.Min(255, key.Length)],
        Mistake.S09_Keys_are_trimmed => key.Trim(),
        Mistake.S09_Unsafe_characters_are_replaced => Regex.Replace(key, "[/\\\\:*?]", "_"),
        Mistake.S09_Keys_end_at_a_null => key.Split('\0')[0],
        _ => key,
    };

    private bool Matches(string key, string prefix) => _mistake switch
    {
        Mistake.S15_List_ignores_the_case => key.StartsWith(prefix, StringComparison.OrdinalIgnoreCase),
        Mistake.S15_The_prefix_is_a_pattern =>
            Regex.IsMatch(key, "^" + Regex.Escape(prefix).Replace("\\*", ".*", StringComparison.Ordinal)),
        _ => key.StartsWith(prefix, StringComparison.Ordinal),
    };

    private LockInfo Info(TinyTable.Row row, string key) => new(
        Is(Mistake.S25_Get_shows_the_stored_name) ? Encoding.ASCII.GetString(Encoding.ASCII.GetBytes(key)) : row.Key,
        row.Id,
        Is(Mistake.S26_The_owner_is_cut) ? row.Owner[..Math.Min(64, row.Owner.Length)] : row.Owner,
        Is(Mistake.S14_Get_shows_no_token) ? null : row.Token,
        Is(Mistake.S14_Get_shows_the_whole_ttl) ? row.Ttl * 1000 : row.Remaining(Now));
}

/// <summary>How the backend of a tiny store behaves.</summary>
internal enum TinyBackend
{
    Answers,
    IsUnreachable,
    IsSilent,
}
