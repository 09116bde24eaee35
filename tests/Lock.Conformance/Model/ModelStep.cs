using FsCheck;
using FsCheck.Fluent;

namespace Locking.Conformance;

/// <summary>One random step.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Key">Which key.</param>
/// <param name="Holder">Which holder.</param>
/// <param name="Ttl">Which lease.</param>
/// <param name="Store">Through which instance.</param>
internal sealed record ModelStep(ModelStep.What Kind, int Key, int Holder, ModelStep.Lease Ttl, int Store)
{
    public const int Keys = 3;
    public const int Holders = 3;
    public const int Stores = 2;

    internal enum What
    {
        Acquire,
        Extend,
        Release,
        Get,
        List,
        Force,
        Advance,
        Outlive,
    }

    internal enum Lease
    {
        Short,
        Long,
        Never,
    }

    /// <summary>Sequences of so many steps, shrunk by leaving steps out.</summary>
    public static Arbitrary<ModelStep[]> Sequences(int length)
    {
        Gen<What> kinds = Gen.Frequency(
            (30, Gen.Constant(What.Acquire)),
            (15, Gen.Constant(What.Extend)),
            (15, Gen.Constant(What.Release)),
            (10, Gen.Constant(What.Get)),
            (5, Gen.Constant(What.List)),
            (4, Gen.Constant(What.Force)),
            (4, Gen.Constant(What.Advance)),
            (5, Gen.Constant(What.Outlive)));
        Gen<Lease> leases = Gen.Frequency((5, Gen.Constant(Lease.Short)), (3, Gen.Constant(Lease.Long)), (1, Gen.Constant(Lease.Never)));
        Gen<ModelStep> steps =
            from kind in kinds
            from key in Gen.Choose(0, Keys - 1)
            from holder in Gen.Choose(0, Holders - 1)
            from lease in leases
            from store in Gen.Choose(0, Stores - 1)
            select new ModelStep(kind, key, holder, lease, store);
        return Arb.From(steps.ArrayOf(length), Shrink);
    }

    private static IEnumerable<ModelStep[]> Shrink(ModelStep[] steps)
    {
        for (int part = steps.Length / 2; part >= 1; part /= 2)
        {
            for (int from = 0; from + part <= steps.Length; from += part)
                yield return [.. steps[..from], .. steps[(from + part)..]];
        }
    }
}
