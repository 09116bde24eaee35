using Microsoft.Extensions.Time.Testing;

namespace Locking.Conformance.Tests.Mutation;

/// <summary>The kit must be able to fail: each careless store is caught by the facts of the guarantee that it breaks.</summary>
public sealed class MutationTests
{
    public static TheoryData<Mistake> Mistakes => [.. Enum.GetValues<Mistake>().Where(mistake => mistake != Mistake.None)];

    [Theory]
    [MemberData(nameof(Mistakes))]
    public async Task The_guarantee_that_a_store_breaks_is_the_one_that_fails(Mistake mistake)
    {
        Eventually.HavePatience(TimeSpan.FromMilliseconds(1500));
        string guarantee = mistake.ToString()[..3];
        IReadOnlyList<(string Fact, Exception Fault)> failures = guarantee == "S35"
            ? await SuiteRunner.FailuresAsync(() => new Model(mistake), guarantee)
            : await SuiteRunner.FailuresAsync(() => new Store(mistake), guarantee);
        Assert.NotEmpty(failures);
    }

    [Fact]
    public async Task A_store_without_mistakes_passes()
    {
        Assert.Empty(await SuiteRunner.FailuresAsync(() => new Store(Mistake.None), "S"));
        Assert.Empty(await SuiteRunner.FailuresAsync(() => new Model(Mistake.None), "S"));
    }

    [Fact]
    public async Task A_store_that_rounds_ttls_up_passes_when_it_says_so()
    {
        var second = TimeSpan.FromSeconds(1);
        Assert.Empty(await SuiteRunner.FailuresAsync(() => new Store(Mistake.S32_A_ttl_below_a_second_is_rounded_up, second), "S"));
        Assert.Empty(await SuiteRunner.FailuresAsync(() => new Model(Mistake.S32_A_ttl_below_a_second_is_rounded_up, second), "S"));
    }

    [Theory]
    [InlineData(Mistake.S03_Asking_again_leaves_the_ttl)]
    [InlineData(Mistake.S04_Extending_adds_to_the_ttl)]
    [InlineData(Mistake.S04_Extending_never_shortens)]
    [InlineData(Mistake.S06_Never_expires)]
    [InlineData(Mistake.S06_Expires_early)]
    [InlineData(Mistake.S07_Extending_revives)]
    [InlineData(Mistake.S32_Ttl_in_milliseconds_overflows)]
    public async Task A_store_that_may_round_up_is_caught_all_the_same(Mistake mistake)
    {
        Eventually.HavePatience(TimeSpan.FromMilliseconds(1500));
        Assert.NotEmpty(await SuiteRunner.FailuresAsync(() => new Store(mistake, TimeSpan.FromSeconds(1)), mistake.ToString()[..3]));
    }

    [Fact]
    public async Task A_broken_model_run_tells_its_seed_and_its_steps()
    {
        (string _, Exception fault) = Assert.Single(
            await SuiteRunner.FailuresAsync(() => new Model(Mistake.S35_A_lease_that_was_extended_twice_cannot_be_released), "S35"));
        Assert.Contains("seed", fault.ToString(), StringComparison.OrdinalIgnoreCase);
        Assert.Contains(nameof(ModelStep.What.Extend), fault.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Mistake.S01_Forgets_the_grant, "L02")]
    [InlineData(Mistake.S05_Releases_by_key_alone, "L25")]
    [InlineData(Mistake.S06_Expires_early, "L11")]
    [InlineData(Mistake.S07_Extending_revives, "L26")]
    [InlineData(Mistake.S08_Release_deletes_the_counter, "L37")]
    [InlineData(Mistake.S09_Case_does_not_matter, "L39")]
    [InlineData(Mistake.S10_Checks_then_acts, "L40")]
    [InlineData(Mistake.S14_Get_shows_the_whole_ttl, "L23")]
    [InlineData(Mistake.S15_The_prefix_is_a_pattern, "L24")]
    [InlineData(Mistake.S18_Infinite_is_thirty_seconds, "L35")]
    [InlineData(Mistake.S20_Force_answers_true_for_a_free_lock, "L27")]
    public async Task A_lock_over_a_careless_store_fails_too(Mistake mistake, string guarantee)
    {
        Eventually.HavePatience(TimeSpan.FromMilliseconds(1500));
        Assert.NotEmpty(await SuiteRunner.FailuresAsync(() => new Locks(mistake), guarantee));
    }

    [Fact]
    public async Task A_lock_over_a_store_without_mistakes_passes() =>
        Assert.Empty(await SuiteRunner.FailuresAsync(() => new Locks(Mistake.None), "L"));

    private sealed class Locks(Mistake mistake) : LockConformance
    {
        private readonly FakeTimeProvider _time = new();
        private TinyTable? _table;

        protected override TimeProvider Clock => _time;

        protected override Task AdvanceAsync(TimeSpan by)
        {
            _time.Advance(by);
            return Task.CompletedTask;
        }

        protected override ILock CreateLock(LockOptions? defaults, string? ns) => new StoreLock(
            new TinyLockStore(_table ??= new TinyTable(_time), mistake), defaults, ns,
            LockProviderContext.Default with { TimeProvider = _time });
    }

    private sealed class Store(Mistake mistake, TimeSpan? ttlStep = null) : LockStoreConformance
    {
        private readonly FakeTimeProvider _time = new();
        private TinyTable? _table;

        protected override TimeProvider Clock => _time;

        protected override StoreAbilities Abilities => new()
        {
            TtlStep = ttlStep ?? TimeSpan.FromMilliseconds(1),
            IsFair = true,
            QueuesWaiters = true,
            SignalsRelease = true,
            SignalsLoss = true,
            ForcesRelease = mistake != Mistake.S34_Has_an_ability_that_it_does_not_declare,
        };

        private TinyTable Table => _table ??= new TinyTable(_time);

        protected override Task AdvanceAsync(TimeSpan by)
        {
            _time.Advance(by);
            return Task.CompletedTask;
        }

        protected override ILockStore CreateStore() => new TinyLockStore(Table, mistake);

        protected override ILockStore CreateStore(TimeProvider processClock) => new TinyLockStore(Table, mistake, processClock);

        protected override ILockStore CreateUnreachableStore(int closedPort) =>
            new TinyLockStore(Table, mistake, backend: TinyBackend.IsUnreachable);

        protected override ILockStore CreateSilentStore(int silentPort, TimeSpan limit) =>
            new TinyLockStore(Table, mistake, backend: TinyBackend.IsSilent);
    }

    private sealed class Model(Mistake mistake, TimeSpan? ttlStep = null) : LockStoreModelConformance
    {
        private readonly FakeTimeProvider _time = new();
        private TinyTable? _table;

        protected override TimeProvider Clock => _time;

        protected override StoreAbilities Abilities => new() { TtlStep = ttlStep ?? TimeSpan.FromMilliseconds(1) };

        protected override int Runs => 1000;

        // The same sequences each time: with new ones, chance decides whether a mistake is met at all.
        protected override (ulong Seed, ulong Gamma)? Replay => mistake == Mistake.None ? null : (20261122, 1);

        protected override Task AdvanceAsync(TimeSpan by)
        {
            _time.Advance(by);
            return Task.CompletedTask;
        }

        protected override ILockStore CreateStore() => new TinyLockStore(_table ??= new TinyTable(_time), mistake);
    }
}
