namespace Locking;

/// <summary>The providers that need no registration: one line each.</summary>
internal static class BuiltInProviders
{
    public static IReadOnlyList<ILockProvider> All { get; } =
    [
        new InMemoryLockProvider(),
        new BrokerLockProvider(),
        new RedisLockProvider(),
        new RedLockProvider(),
        new MongoLockProvider(),
        new PostgresLockProvider(),
        new EtcdLockProvider(),
    ];

    public static KnownProviders Known { get; } = new(All);
}
