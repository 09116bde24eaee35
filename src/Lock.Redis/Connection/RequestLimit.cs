namespace Locking;

/// <summary>The time limit of each request, shorter than the client's own.</summary>
internal sealed class RequestLimit(TimeSpan limit, TimeProvider time)
{
    /// <summary>How long a request may take.</summary>
    public TimeSpan Span => limit;

    /// <summary>Waits for a request within the limit. The client's answer to a request that was given up is swallowed.</summary>
    /// <remarks>Whoever awaits this goes on upon a pool thread of its own: the client runs continuations on the thread that delivers its
    /// answers, and a caller that blocked there would hold up every other request.</remarks>
    /// <exception cref="TimeoutException">No answer in time.</exception>
    public async Task<T> WithinAsync<T>(Task<T> request, CancellationToken cancellationToken, TimeSpan extraTime = default)
    {
        if (!request.IsCompleted)
        {
            try
            {
                return await request.WaitAsync(limit + extraTime, time, cancellationToken).ConfigureAwait(false);
            }
            catch when (!request.IsCompleted)
            {
                TaskFaults.Forget(request);
                throw;
            }
            finally
            {
                await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            }
        }

        return await request.ConfigureAwait(false);
    }
}
