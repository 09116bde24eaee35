using Locking;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>A health check for locks.</summary>
public static class LockHealthChecksBuilderExtensions
{
    /// <summary>Adds a check of the backend of the registered <see cref="ILock"/>: unhealthy when it fails or does not answer, degraded
    /// when something is unsafe about it (what <c>lock doctor</c> warns of), else healthy; <c>latencyMilliseconds</c> says how long the
    /// answer took.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="serviceKey">The key of <c>AddKeyedLock</c>; null: the locks of <c>AddLock</c>.</param>
    /// <param name="name">The check's name; null: <c>lock</c>, with a colon and the key where there is one.</param>
    /// <param name="failureStatus">What a failure is reported as; null: unhealthy.</param>
    /// <param name="tags">Tags to choose checks by.</param>
    public static IHealthChecksBuilder AddLock(
        this IHealthChecksBuilder builder,
        object? serviceKey = null,
        string? name = null,
        HealthStatus? failureStatus = null,
        IEnumerable<string>? tags = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        string called = name ?? (serviceKey is null ? "lock" : $"lock:{serviceKey}");
        return builder.Add(new HealthCheckRegistration(called, Make, failureStatus, tags));

        IHealthCheck Make(IServiceProvider services) => new LockHealthCheck(
            serviceKey is null ? services.GetRequiredService<ILock>() : services.GetRequiredKeyedService<ILock>(serviceKey),
            services.GetService<TimeProvider>() ?? TimeProvider.System);
    }
}
