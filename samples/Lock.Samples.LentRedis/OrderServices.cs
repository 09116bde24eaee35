using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace Locking.Samples.LentRedis;

/// <summary>Registers the locks over the client that the application has anyway.</summary>
public static class OrderServices
{
    /// <summary>Adds the client, the locks over it, and who uses both.</summary>
    /// <param name="services">The services.</param>
    /// <param name="redis">The application's client: its own settings stay as they are, and Lock never disposes it.</param>
    public static IServiceCollection AddOrders(this IServiceCollection services, IConnectionMultiplexer redis)
    {
        services.AddSingleton(redis);
        services.AddLock(builder =>
        {
            builder.UseRedis(redis);
            builder.Namespace = "orders";
        });
        services.AddSingleton<OrderCounter>();
        return services;
    }
}
