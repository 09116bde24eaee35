using System.Text;

namespace Locking;

/// <summary>How a lock is taken, held and given back. Every property that is null is left to the configuration, then to the
/// default.</summary>
/// <remarks>
/// The same record is the argument of a call and, in a configuration, the engine's part of <c>lockOptions</c>. What belongs to a backend
/// (and all its users must agree on) is not here: it is configuration, and each backend has a record of its own for it.
/// Values out of range throw when they are set, and name the property, the value and what is allowed.
/// </remarks>
public sealed record LockOptions
{
    /// <summary>The lease. At least 1 ms, at most 10,000 days; <see cref="Timeout.InfiniteTimeSpan"/>: never expires. Default 30
    /// s.</summary>
    public TimeSpan? Ttl { get; init => field = OptionRules.PositiveOrInfinite(value, nameof(Ttl)); }

    /// <summary>Whether the lease is renewed while its handle lives, up to <see cref="MaxHold"/>. Default true; every preset says false. A
    /// TTL, wherever it is given, changes the length of the lease and not this.</summary>
    public bool? AutoRenew { get; init; }

    /// <summary>Time between renewals. At least 1 ms, at most half the TTL. Default a third of the TTL.</summary>
    public TimeSpan? RenewInterval { get; init => field = OptionRules.Positive(value, nameof(RenewInterval)); }

    /// <summary>No renewal reaches beyond this time after the grant; the handle is then lost. At least 1 ms; default none
    /// (<see cref="Timeout.InfiniteTimeSpan"/>).</summary>
    public TimeSpan? MaxHold { get; init => field = OptionRules.PositiveOrInfinite(value, nameof(MaxHold)); }

    /// <summary>How long to wait for the lock. Zero: one attempt; <see cref="Timeout.InfiniteTimeSpan"/>: for ever. Default for ever
    /// for <c>Lock…</c>, zero for <c>TryLock…</c>.</summary>
    public TimeSpan? WaitTimeout { get; init => field = OptionRules.NotNegativeOrInfinite(value, nameof(WaitTimeout)); }

    /// <summary>N: N + 1 attempts; 0: one attempt; -1: endless. Default: <see cref="WaitTimeout"/> alone rules. Where both are set, the
    /// first to end wins.</summary>
    public int? RetryCount { get; init => field = OptionRules.AtLeast(value, -1, nameof(RetryCount)); }

    /// <summary>Pause between attempts where nothing better is known; with <see cref="RetryCount"/> the spacing of the attempts.
    /// Not negative. Default 200 ms.</summary>
    public TimeSpan? RetryDelay { get; init => field = OptionRules.NotNegative(value, nameof(RetryDelay)); }

    /// <summary>Random part of <see cref="RetryDelay"/>, uniform in ± this, never below zero. Not negative. Default 100 ms.</summary>
    public TimeSpan? RetryJitter { get; init => field = OptionRules.NotNegative(value, nameof(RetryJitter)); }

    /// <summary>How a waiter learns that the lock is free. Default <see cref="WaitMode.Auto"/>.</summary>
    public WaitMode? Wait { get; init => field = OptionRules.Defined(value, nameof(Wait)); }

    /// <summary>Safety net while waiting for a notice; never longer than the holder's remaining TTL. At least 1 ms. Default 5 s.</summary>
    public TimeSpan? PollInterval { get; init => field = OptionRules.Positive(value, nameof(PollInterval)); }

    /// <summary>Part of the TTL allowed for clocks that run at different rates, besides 2 ms. 0 to 0.5. Default 0.01.</summary>
    public double? DriftFactor { get; init => field = OptionRules.Between(value, 0, 0.5, nameof(DriftFactor)); }

    /// <summary>A loss is announced so long before the backend may grant the lock to another. Not negative, below the TTL; where it is
    /// shorter than the allowance for drift, that counts. Default: that allowance (<see cref="DriftFactor"/> of the TTL and 2 ms); in
    /// memory, where none is needed, zero.</summary>
    public TimeSpan? LostMargin { get; init => field = OptionRules.NotNegative(value, nameof(LostMargin)); }

    /// <summary>Who takes the lock, shown to people, never compared. At most 256 bytes of UTF-8. Default <c>host/pid</c>.</summary>
    public string? Owner { get; init => field = OptionRules.Utf8AtMost(value, 256, nameof(Owner)); }

    /// <summary>Keeps the lock, until its TTL, when the holder's connection or its <see cref="ILock"/> closes. Default false.</summary>
    public bool? KeepOnDisconnect { get; init; }

    /// <summary>Limit of an unlock with its retries. At least 1 ms. Default 8 s.</summary>
    public TimeSpan? ReleaseTimeout { get; init => field = OptionRules.Positive(value, nameof(ReleaseTimeout)); }
}
