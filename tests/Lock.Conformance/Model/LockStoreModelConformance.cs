using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Time.Testing;

namespace Locking.Conformance;

/// <summary>Random steps of several holders on several keys through two instances: each answer must be that of a dictionary.</summary>
/// <remarks>A failure shows the shortest sequence found that fails, and the seed; <see cref="Replay"/> runs that seed again.</remarks>
public abstract class LockStoreModelConformance : LockStoreSuite
{
    private int _inconclusive;

    /// <summary>How many sequences are run. Default 10 in real time, 200 in fake time.</summary>
    protected virtual int Runs => Clock is FakeTimeProvider ? 200 : 10;

    /// <summary>How long each sequence is. Default 40.</summary>
    protected virtual int StepsPerRun => 40;

    /// <summary>The seed of a failure, to be run again; null for a new one.</summary>
    protected virtual (ulong Seed, ulong Gamma)? Replay => null;

    [Fact]
    public async Task S35_Random_steps_are_answered_as_a_dictionary_would()
    {
        Config config = Config.QuickThrowOnFailure.WithMaxTest(Runs).WithQuietOnSuccess(true);
        if (Replay is { } replay)
            config = config.WithReplay(replay.Seed, replay.Gamma);
        ILockStore[] stores = Enumerable.Range(0, ModelStep.Stores).Select(_ => NewStore()).ToArray();
        _ = Store; // whatever is left in the backend is removed at the end
        Property property = Prop.ForAll(ModelStep.Sequences(StepsPerRun), steps => RunAsync(steps, stores).GetAwaiter().GetResult());
        await Task.Run(() => Check.One(config, property));
        Assert.True(_inconclusive <= Runs / 2, $"{_inconclusive} of {Runs} sequences were held up by the machine: nothing is proved.");
    }

    private async Task RunAsync(ModelStep[] steps, ILockStore[] stores)
    {
        var model = new StoreModel();
        string root = NewKey() + "/";
        string[] keys = Enumerable.Range(0, ModelStep.Keys).Select(i => root + i).ToArray();
        string[] holders = Enumerable.Range(0, ModelStep.Holders).Select(_ => NewId()).ToArray();
        foreach (ModelStep step in steps)
        {
            await PassUncertainTimeAsync(model);
            model.Expire(Now);
            var live = model.Live.Values.ToList();
            await RunAsync(step, model, stores[step.Store], root, keys[step.Key], holders[step.Holder]);
            if (step.Kind is not (ModelStep.What.Advance or ModelStep.What.Outlive) && live.Exists(row => row.Earliest <= Now))
            {
                // The step took so long that a lease may have ended meanwhile: its answer could not be judged from here on.
                _inconclusive++;
                return;
            }
        }
    }

    private async Task RunAsync(ModelStep step, StoreModel model, ILockStore store, string root, string key, string id)
    {
        TimeSpan ttl = TtlOf(step.Ttl);
        TimeSpan sent = Now;
        switch (step.Kind)
        {
            case ModelStep.What.Acquire:
                AcquireReply reply = await AskAsync(store, key, id, ttl, id);
                Judge(() => Assert.Equal(model.MayAcquire(key, id), reply.IsGranted), model);
                if (reply.IsGranted)
                {
                    (bool same, long last) = model.Expected(key);
                    long token = TokenOf(reply);
                    Judge(() => Assert.True(!Abilities.IssuesFencingTokens || (same ? token == last : token > last),
                        $"token {token} after {last}"), model);
                    model.Acquired(key, new StoreModel.Row(id, id, token, End(sent, ttl), End(Now + Margin, RoundedUp(ttl))));
                }

                break;
            case ModelStep.What.Extend:
                StoreReply extended = await store.TryExtendAsync(key, id, ttl, CancellationToken.None);
                Judge(() => Assert.Equal(model.Reply(key, id), extended), model);
                if (extended == StoreReply.Done)
                    model.Extended(key, End(sent, ttl), End(Now + Margin, RoundedUp(ttl)));
                break;
            case ModelStep.What.Release:
                StoreReply released = await store.TryReleaseAsync(key, id, CancellationToken.None);
                Judge(() => Assert.Equal(model.Reply(key, id), released), model);
                if (released == StoreReply.Done)
                    model.Released(key);
                break;
            case ModelStep.What.Force:
                bool forced = await ForceAsync(store, key);
                Judge(() => Assert.Equal(model.Holder(key) is not null, forced), model);
                model.Released(key);
                break;
            case ModelStep.What.Get:
                LockInfo? info = await store.GetAsync(key, CancellationToken.None);
                Judge(() => AssertShows(key, model.Holder(key), info), model);
                break;
            case ModelStep.What.List:
                var infos = (await ListAsync(store, root)).ToDictionary(i => i.Key, StringComparer.Ordinal);
                Judge(() => Assert.Equal(model.Live.Keys.Order(StringComparer.Ordinal), infos.Keys.Order(StringComparer.Ordinal)), model);
                foreach ((string name, StoreModel.Row row) in model.Live)
                    Judge(() => AssertShows(name, row, infos[name]), model);
                break;
            case ModelStep.What.Advance:
                await AdvanceAsync(ShortTtl / 4);
                break;
            case ModelStep.What.Outlive:
                await OutliveAsync(ShortTtl);
                break;
            default:
                throw new InvalidOperationException($"Unknown step {step.Kind}.");
        }
    }

    private TimeSpan Now => Clock.SinceZero();

    /// <summary>An answer that differs counts only if no lease can have ended while it was on its way.</summary>
    private void Judge(Action assertion, StoreModel model)
    {
        TimeSpan now = Now;
        if (model.Live.Values.All(row => now < row.Earliest))
            assertion();
    }

    /// <summary>Waits where a lease may or may not have ended yet, so that there is one right answer.</summary>
    private async Task PassUncertainTimeAsync(StoreModel model)
    {
        while (model.Live.Values.Where(row => row.Earliest <= Now + (Margin / 2) && Now < row.Latest).Select(row => (TimeSpan?)row.Latest)
            .Max() is { } latest)
        {
            // By now it may be over; a delay between -2 and -1 ms would never end.
            TimeSpan left = latest - Now;
            if (left > TimeSpan.Zero)
                await AdvanceAsync(left);
        }
    }

    private void AssertShows(string key, StoreModel.Row? row, LockInfo? info)
    {
        Assert.Equal(row is null, info is null);
        if (row is null)
            return;
        Assert.Equal((key, row.Id, Abilities.KeepsOwner ? row.Owner : ""), (info!.Key, info.Id, info.Owner));
        Assert.Equal(Abilities.IssuesFencingTokens ? row.Token : null, info.FencingToken);
        Assert.Equal(row.Latest == TimeSpan.MaxValue, info.Remaining == TimeSpan.MaxValue);
    }

    private TimeSpan TtlOf(ModelStep.Lease lease) => lease switch
    {
        ModelStep.Lease.Short => ShortTtl,
        ModelStep.Lease.Never when Abilities.SupportsNoExpiry => Timeout.InfiniteTimeSpan,
        _ => LongTtl,
    };

    private static TimeSpan End(TimeSpan from, TimeSpan ttl) => ttl == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : from + ttl;
}
