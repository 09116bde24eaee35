using System.Numerics;

namespace Locking;

/// <summary>The stripes of a table, by hash. A structure, so that the way to a stripe is no longer for it.</summary>
internal readonly struct StripeMap
{
    private readonly int _shift;

    /// <summary>Makes empty stripes.</summary>
    /// <param name="clock">Their clock.</param>
    /// <param name="wake">What their timers call.</param>
    public StripeMap(TableClock clock, Action<Stripe> wake)
    {
        int count = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(Environment.ProcessorCount * 4, 8, 64));
        _shift = 32 - BitOperations.Log2((uint)count);
        All = new Stripe[count];
        for (int i = 0; i < count; i++)
            All[i] = new Stripe(clock, wake);
    }

    /// <summary>All of them, for walks.</summary>
    public Stripe[] All { get; }

    /// <summary>The stripe of a key with this hash.</summary>
    public Stripe Of(int hash) => All[(uint)hash >> _shift];

    /// <summary>A sum over all stripes, each looked at with its gate taken.</summary>
    public int Sum(Func<Stripe, int> part)
    {
        int sum = 0;
        foreach (Stripe stripe in All)
        {
            stripe.Gate.Enter();
            sum += part(stripe);
            stripe.Gate.Exit();
        }

        return sum;
    }
}
