namespace Locking;

/// <summary>Makes stores over a broker: type <c>broker</c>.</summary>
public sealed class BrokerLockProvider : ILockProvider
{
    /// <summary>How a broker is started where <c>connection.launch</c> asks for it.</summary>
    public BrokerLauncher Launcher { get; init; } = new();

    /// <inheritdoc/>
    public string Type => "broker";

    /// <inheritdoc/>
    public ILockStore CreateStore(LockConfig config, LockProviderContext context)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(context);
        return new BrokerLockStore(config.Connection, Launcher, context);
    }
}
