using System.Globalization;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Locking;

/// <summary>Asks the backend of an <see cref="ILock"/> one question, and what is unsafe about it.</summary>
internal sealed class LockHealthCheck(ILock locks, TimeProvider time) : IHealthCheck
{
    /// <summary>A key that nobody locks: asking for it changes nothing.</summary>
    private const string Key = "lock-health-check";

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            long began = time.GetTimestamp();
            await locks.GetAsync(Key, cancellationToken).ConfigureAwait(false);
            double latency = time.GetElapsedTime(began).TotalMilliseconds;
            IReadOnlyList<StoreFinding> findings = locks is IStoreDiagnostics diagnostics
                ? await diagnostics.DiagnoseAsync(cancellationToken).ConfigureAwait(false)
                : [];
            return Judge(latency, findings);
        }
        catch (LockStoreException fault)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, fault.Message, fault);
        }
    }

    private static HealthCheckResult Judge(double latency, IReadOnlyList<StoreFinding> findings)
    {
        var data = new Dictionary<string, object>(StringComparer.Ordinal) { ["latencyMilliseconds"] = latency };
        List<StoreFinding> warnings = findings.Where(static finding => finding.IsWarning).ToList();
        foreach (StoreFinding warning in warnings)
            data[warning.Code] = warning.Text;
        return warnings.Count > 0
            ? HealthCheckResult.Degraded(string.Join(" ", warnings.Select(static warning => warning.Text)), data: data)
            : HealthCheckResult.Healthy(
                string.Create(CultureInfo.InvariantCulture, $"The lock backend answered in {latency:0.0} ms."), data);
    }
}
