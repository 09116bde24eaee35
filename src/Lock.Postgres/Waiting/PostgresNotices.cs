using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Locking;

/// <summary>The ears of a process: one connection that listens, while anybody waits.</summary>
/// <remarks>
/// That a server accepts LISTEN proves nothing: behind a pooler that gives its connections away after each transaction the notices go to
/// somebody else. So a notice is sent to oneself over another connection, and until it has come, and whenever nothing came for a while,
/// waiters ask by time.
/// </remarks>
internal sealed class PostgresNotices(PostgresSession session, PostgresStoreSettings settings, TimeProvider time) : IAsyncDisposable
{
    /// <summary>How long one request makes the releases of a key give notice.</summary>
    public static readonly TimeSpan MarkFor = TimeSpan.FromMinutes(5);

    /// <summary>The silence after which the connection has to prove itself, and the time it has for that.</summary>
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(15);

    /// <summary>Keys that are remembered as marked; marking once too often costs a statement.</summary>
    private const int MostMarks = 10_000;

    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentDictionary<string, long> _marked = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<NoticeWatch>> _watches = [];
    private readonly PostgresStatements _statements = new(settings.Table, settings.FenceRetention);
    private readonly string _proof = "self " + Guid.NewGuid();
    private Task _running = Task.CompletedTask;
    private TaskCompletionSource _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _heard = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Whether notices are known to arrive.</summary>
    public bool AreHeard => Volatile.Read(ref _heard).Task.IsCompleted;

    /// <summary>What stands for a key in a notice, which may not hold every text.</summary>
    public static string NameOf(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    public async ValueTask<IReleaseWatch> WatchAsync(string key, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var watch = new NoticeWatch(this, key, time);
        Task listening;
        lock (_gate)
        {
            if (_watches.TryGetValue(NameOf(key), out List<NoticeWatch>? others))
                others.Add(watch);
            else
                _watches.Add(NameOf(key), [watch]);
            listening = StartUnsynchronized();
        }

        try
        {
            await ListensAsync(listening, cancellationToken).ConfigureAwait(false);
            await MarkAsync(key, cancellationToken).ConfigureAwait(false);
            return watch;
        }
        catch
        {
            Remove(watch);
            throw;
        }
    }

    /// <summary>Listens again where the connection was lost.</summary>
    public void Resume()
    {
        lock (_gate)
            _ = StartUnsynchronized();
    }

    /// <summary>Sees to it that releases of a key give notice.</summary>
    public async ValueTask MarkAsync(string key, CancellationToken cancellationToken)
    {
        long now = time.GetTimestamp();
        if (_marked.TryGetValue(key, out long since) && time.GetElapsedTime(since, now) < MarkFor / 2)
            return;
        await session.RunAsync(_statements.Watch, static _ => 0, cancellationToken, PostgresParameters.Bytes(key),
            PostgresParameters.Span(MarkFor)).ConfigureAwait(false);
        if (_marked.Count >= MostMarks)
            _marked.Clear();
        _marked[key] = now;
    }

    /// <summary>Listens and waits until a notice of one's own has come.</summary>
    /// <returns>False when it did not come within a time.</returns>
    /// <exception cref="LockStoreException">The server cannot be listened to.</exception>
    public async ValueTask<bool> ProveAsync(CancellationToken cancellationToken)
    {
        Task listening;
        lock (_gate)
            listening = StartUnsynchronized();
        await ListensAsync(listening, cancellationToken).ConfigureAwait(false);
        Task heard = _heard.Task;
        await Task.WhenAny(heard, Task.Delay(settings.StepTimeout, time, cancellationToken)).ConfigureAwait(false);
        return heard.IsCompleted;
    }

    public void Remove(NoticeWatch watch)
    {
        lock (_gate)
        {
            if (!_watches.TryGetValue(NameOf(watch.Key), out List<NoticeWatch>? all) || !all.Remove(watch) || all.Count > 0)
                return;
            _watches.Remove(NameOf(watch.Key));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync().ConfigureAwait(false);
        _listening.TrySetException(new ObjectDisposedException(nameof(PostgresLockStore)));
        _ = _listening.Task.Exception;
    }

    private async ValueTask ListensAsync(Task listening, CancellationToken cancellationToken)
    {
        if (listening.IsCompletedSuccessfully)
            return;
        try
        {
            await listening.WaitAsync(settings.StepTimeout, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException exception)
        {
            throw PostgresFaults.From(exception, settings, wasSent: false, hasWritten: true);
        }
    }

    private Task StartUnsynchronized()
    {
        if (_running.IsCompleted && !_end.IsCancellationRequested)
        {
            _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _running = DetachedFlow.Start(() => Task.Run(ListenAsync));
        }

        return _listening.Task;
    }

    /// <summary>Listens until nobody waits any more, or the connection is of no use.</summary>
    private async Task ListenAsync()
    {
        TaskCompletionSource listening = _listening;
        try
        {
            NpgsqlConnection connection = await session.OpenAsync(_end.Token).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
                await ListenAsync(connection, listening).ConfigureAwait(false);
        }
        catch (Exception exception)
            when (PostgresFaults.IsKnown(exception)
                || exception is OperationCanceledException or LockStoreException or ObjectDisposedException)
        {
            if (!listening.TrySetException(exception as LockStoreException
                ?? PostgresFaults.From(exception, settings, wasSent: false, hasWritten: true)))
                NotifyAll();
            _ = listening.Task.Exception;
        }
        finally
        {
            Volatile.Write(ref _heard, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }
    }

    private async Task ListenAsync(NpgsqlConnection connection, TaskCompletionSource listening)
    {
        bool isSilent = false;
        connection.Notification += (_, notice) =>
        {
            isSilent = false;
            _heard.TrySetResult();
            NotifyOf(notice.Payload);
        };
        await PostgresSession.ReadAsync(connection, $"LISTEN {PostgresStatements.Channel}", static _ => 0, [], _end.Token)
            .ConfigureAwait(false);
        // What was released before is not told any more.
        NotifyAll();
        listening.TrySetResult();
        while (!isSilent)
        {
            isSilent = true;
            await session.RunAsync("SELECT pg_notify($1, $2)", static _ => 0, _end.Token,
                PostgresParameters.Text(PostgresStatements.Channel), PostgresParameters.Text(_proof))
                .ConfigureAwait(false);
            while (await connection.WaitAsync(s_silence, _end.Token).ConfigureAwait(false))
            {
                // Whatever came has been told.
            }

            if (IsIdle())
                break;
        }

        await PostgresSession.ReadAsync(connection, $"UNLISTEN {PostgresStatements.Channel}", static _ => 0, [], _end.Token)
            .ConfigureAwait(false);
    }

    private bool IsIdle()
    {
        lock (_gate)
            return _watches.Count == 0;
    }

    private void NotifyOf(string name)
    {
        lock (_gate)
        {
            foreach (NoticeWatch watch in _watches.GetValueOrDefault(name) ?? [])
                watch.Notify();
        }
    }

    private void NotifyAll()
    {
        lock (_gate)
        {
            foreach (NoticeWatch watch in _watches.Values.SelectMany(static all => all))
                watch.Notify();
        }
    }
}
