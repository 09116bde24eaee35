namespace Locking;

/// <summary>Makes stores over a broker: type <c>broker</c>.</summary>
public sealed class BrokerLockProvider : LockProvider<BrokerLockSettings>
{
    /// <summary>How a broker is started where <c>connection.launch</c> asks for it.</summary>
    public BrokerLauncher Launcher { get; init; } = new();

    /// <inheritdoc/>
    public override string Type => "broker";

    /// <inheritdoc/>
    public override SettingsTable<BrokerLockSettings> Settings => BrokerLockSettings.Table;

    /// <inheritdoc/>
    protected override ILockStore CreateStoreCore(BrokerLockSettings settings, LockOptions options, LockProviderContext context)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(context);
        return new BrokerLockStore(settings, Launcher, context);
    }
}
