using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Locking.Providers;

namespace Locking.Samples.FileStore;

/// <summary>Locks of the processes of one machine, kept in a directory: one file per key,
/// and one gate file that makes each step atomic.</summary>
/// <remarks>
/// The backend's clock is the machine's wall clock. Files of idle keys stay, for their tokens; a store meant for many keys would remove
/// those older than a retention.
/// </remarks>
public sealed class FileLockStore : ILockStore
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(2);
    private readonly string _directory;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _clock;
    private volatile bool _disposed;

    /// <summary>Makes a store. The directory is created by the first step.</summary>
    /// <param name="directory">The directory, on a local disk.</param>
    /// <param name="timeout">Limit of one step. Default 2 s.</param>
    /// <param name="clock">The machine's clock. Default the system's.</param>
    public FileLockStore(string directory, TimeSpan? timeout = null, TimeProvider? clock = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        _directory = directory;
        _timeout = timeout ?? TimeSpan.FromSeconds(2);
        _clock = clock ?? TimeProvider.System;
    }

    /// <inheritdoc/>
    public string Type => "file";

    /// <inheritdoc/>
    public ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        return StepAsync(
            now =>
            {
                LeaseFile? last = Read(PathOf(request.Key));
                bool isLive = last?.IsLive(now) == true;
                if (isLive && last!.Id != request.HolderId)
                    return AcquireReply.Busy(last.Remaining(now));

                // The same holder asking again keeps its token; every other grant has a higher one, written before it is answered.
                long token = isLive
                    ? last!.Token
                    : Math.Max((last?.Token ?? 0) + 1, (now - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond);
                Write(new LeaseFile(request.Key, request.HolderId, request.Owner, token, EndOf(request.Ttl, now)));
                return AcquireReply.Granted(token);
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken) =>
        ChangeAsync(key, holderId, (lease, now) => lease with { ExpiresAt = EndOf(ttl, now) }, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken) =>
        ChangeAsync(key, holderId, (lease, _) => lease with { Id = "" }, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken) =>
        StepAsync(now => InfoOf(Read(PathOf(key)), now), cancellationToken);

    /// <inheritdoc/>
    public async IAsyncEnumerable<LockInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        List<LockInfo> infos = await StepAsync(
            now => Directory.GetFiles(_directory, "*.json").Select(path => InfoOf(Read(path), now)).OfType<LockInfo>().ToList(),
            cancellationToken);
        foreach (LockInfo? info in infos)
        {
            if (info.Key.StartsWith(prefix, StringComparison.Ordinal))
                yield return info;
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _disposed = true;
        return ValueTask.CompletedTask;
    }

    private ValueTask<StoreReply> ChangeAsync(
        string key, string holderId, Func<LeaseFile, DateTimeOffset, LeaseFile> change, CancellationToken cancellationToken) =>
        StepAsync(
            now =>
            {
                if (Read(PathOf(key)) is not { } lease || !lease.IsLive(now))
                    return StoreReply.NotHeld;
                if (lease.Id != holderId)
                    return StoreReply.HeldByAnother;
                Write(change(lease, now));
                return StoreReply.Done;
            },
            cancellationToken);

    /// <summary>Runs one step while no other process runs one. Every fault leaves as a <see cref="LockStoreException"/>.</summary>
    private async ValueTask<T> StepAsync<T>(Func<DateTimeOffset, T> step, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            Directory.CreateDirectory(_directory);
            await using FileStream gate = await EnterAsync(cancellationToken);
            return step(_clock.GetUtcNow());
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new LockStoreException(
                $"The lock directory '{_directory}' cannot be used: {fault.Message}", isTransient: fault is IOException, fault);
        }
    }

    /// <summary>Opens the gate file for itself alone, which the operating system gives back when the process ends,
    /// however it ends.</summary>
    private async Task<FileStream> EnterAsync(CancellationToken cancellationToken)
    {
        long since = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                return new FileStream(Path.Combine(_directory, ".gate"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException fault)
            {
                if (TimeProvider.System.GetElapsedTime(since) > _timeout)
                {
                    throw new LockStoreException(
                        $"The lock directory '{_directory}' did not become free within {_timeout.TotalMilliseconds:0} ms.",
                        isTransient: true, fault)
                    {
                        MayHaveBeenApplied = false,
                    };
                }
            }

            await Task.Delay(s_pause, TimeProvider.System, cancellationToken);
        }
    }

    private static LeaseFile? Read(string path) =>
        File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), LeaseFileJson.Default.LeaseFile) : null;

    /// <summary>Replaces a file as a whole: whoever reads it after a crash finds the old record or the new one.</summary>
    private void Write(LeaseFile lease)
    {
        string path = PathOf(lease.Key);
        File.WriteAllBytes(path + ".new", JsonSerializer.SerializeToUtf8Bytes(lease, LeaseFileJson.Default.LeaseFile));
        File.Move(path + ".new", path, overwrite: true);
    }

    /// <summary>A name that every file system takes: keys may be longer than a file name, and hold any character.</summary>
    private string PathOf(string key) =>
        Path.Combine(_directory, $"{Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(key)))}.json");

    private static DateTimeOffset? EndOf(TimeSpan ttl, DateTimeOffset now) => ttl == Timeout.InfiniteTimeSpan ? null : now + ttl;

    private static LockInfo? InfoOf(LeaseFile? lease, DateTimeOffset now) =>
        lease?.IsLive(now) == true ? new LockInfo(lease.Key, lease.Id, lease.Owner, lease.Token, lease.Remaining(now)) : null;
}
