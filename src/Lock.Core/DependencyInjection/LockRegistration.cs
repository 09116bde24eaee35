using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Locking;

/// <summary>One registered <see cref="ILock"/>: remembered, so that the start of the host can check it.</summary>
/// <param name="Key">Its service key, or null.</param>
/// <param name="Name">The name of its <see cref="LockBuilder"/> among the options.</param>
internal sealed record LockRegistration(object? Key, string Name)
{
    /// <summary>Adds locks that are made of what a builder says when they are first needed.</summary>
    public static void Add(IServiceCollection services, object? key, Action<LockBuilder> configure)
    {
        int others = services.Count(one => one.ImplementationInstance is LockRegistration registered && Equals(registered.Key, key));
        string name = (key?.ToString() ?? "") + (others == 0 ? "" : $"#{others + 1}");
        services.AddOptions<LockBuilder>(name).Configure(configure);
        if (key is null)
            services.AddSingleton(provider => Make(provider, name));
        else
            services.AddKeyedSingleton(key, (provider, _) => Make(provider, name));
        services.AddSingleton(new LockRegistration(key, name));
        if (!services.Any(static one => one.ImplementationType == typeof(LockStartCheck)))
            services.AddHostedService<LockStartCheck>();
    }

    private static ILock Make(IServiceProvider provider, string name)
    {
        LockBuilder builder = provider.GetRequiredService<IOptionsMonitor<LockBuilder>>().Get(name);
        builder.Context ??= new LockProviderContext(
            provider.GetService<TimeProvider>() ?? TimeProvider.System,
            provider.GetService<ILoggerFactory>() ?? NullLoggerFactory.Instance);
        int place = 0;
        foreach (ILockProvider own in provider.GetServices<ILockProvider>())
            builder.Providers.Insert(place++, own);
        return LockMaker.Make(builder, provider);
    }
}
