using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Locking;

/// <summary>Makes every registered <see cref="ILock"/> before any hosted service runs, so that a bad configuration fails the
/// start.</summary>
internal sealed class LockStartCheck(IServiceProvider provider, IEnumerable<LockRegistration> registrations) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        foreach (LockRegistration registration in registrations)
        {
            if (registration.Key is null)
                provider.GetRequiredService<ILock>();
            else
                provider.GetRequiredKeyedService<ILock>(registration.Key);
        }

        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
