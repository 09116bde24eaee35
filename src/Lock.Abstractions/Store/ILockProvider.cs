namespace Locking.Providers;

/// <summary>Makes stores of one backend from a configuration. Registered explicitly under its type.</summary>
public interface ILockProvider
{
    /// <summary>The <c>type</c> of a configuration that this provider serves. Case does not matter.</summary>
    string Type { get; }

    /// <summary>The settings that this backend has besides the engine's.</summary>
    ISettingsTable Settings { get; }

    /// <summary>Makes a store. Does not connect yet: the first request does.</summary>
    /// <param name="config">The whole configuration, preset applied: read it with the <see cref="SettingsTable{T}"/>.</param>
    /// <param name="context">Clock and logs.</param>
    /// <exception cref="LockConfigException">A setting does not suit this backend; the message names it, its value and what is
    /// allowed.</exception>
    ILockStore CreateStore(LockConfig config, LockProviderContext context);
}

/// <summary>Optional ability of a provider: makes a whole <see cref="ILock"/> that does without the engine's generic path.</summary>
public interface IDirectLockProvider : ILockProvider
{
    /// <summary>Makes the lock.</summary>
    /// <inheritdoc cref="ILockProvider.CreateStore" path="/param"/>
    /// <exception cref="LockConfigException">A setting does not suit this backend.</exception>
    ILock CreateLock(LockConfig config, LockProviderContext context);
}
