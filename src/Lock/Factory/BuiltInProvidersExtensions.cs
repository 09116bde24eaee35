namespace Locking;

/// <summary>The backends that are in the box, for a <see cref="LockBuilder"/>.</summary>
public static class BuiltInProvidersExtensions
{
    /// <summary>The backends in the box.</summary>
    public static IReadOnlyList<ILockProvider> Providers => BuiltInProviders.All;

    /// <summary>Makes every backend in the box known by its type, behind those that are known already.</summary>
    public static LockBuilder AddBuiltInProviders(this LockBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        foreach (ILockProvider provider in BuiltInProviders.All)
            builder.AddProvider(provider);
        return builder;
    }
}
