using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>What every <see cref="ILock"/> of ours shares: argument checks, namespace, options. The derived class does the work.</summary>
/// <remarks>Derived classes outside this project are written over <see cref="ILockStore"/> and <see cref="StoreLock"/> instead.</remarks>
public abstract class LockBase : ILock
{
    private static readonly LockOptions s_noOptions = new();

    private readonly EffectiveOptions _lockOptions;
    private readonly EffectiveOptions _tryOptions;
    private readonly string _defaultOwner;
    private volatile bool _disposed;
    private int _disposals;

    private protected LockBase(string type, LockOptions? defaults, string? ns, LockProviderContext? context)
    {
        if (ns is not null)
            KeyRules.Check(ns, nameof(ns));
        Type = type;
        Namespace = ns;
        Context = context ?? LockProviderContext.Default;
        Defaults = defaults ?? s_noOptions;
        _defaultOwner = string.Create(CultureInfo.InvariantCulture, $"{Environment.MachineName}/{Environment.ProcessId}");
        _lockOptions = EffectiveOptions.Resolve(Defaults, null, isTry: false, _defaultOwner);
        _tryOptions = EffectiveOptions.Resolve(Defaults, null, isTry: true, _defaultOwner);
        Logger = QuietLogger.Of(Context.LoggerFactory.CreateLogger("Locking"));
    }

    /// <inheritdoc/>
    public string? Namespace { get; }

    internal string Type { get; }

    internal LockOptions Defaults { get; }

    internal LockProviderContext Context { get; }

    internal ILogger Logger { get; }

    private protected bool IsDisposed => _disposed;

    /// <inheritdoc/>
    public ValueTask<ILockHandle> LockAsync(string key, LockOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check(key);
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<ILockHandle>(cancellationToken);
        return AcquireCoreAsync(key, options is null ? _lockOptions : Resolve(options, isTry: false), cancellationToken)!;
    }

    /// <inheritdoc/>
    public ValueTask<ILockHandle?> TryLockAsync(string key, LockOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check(key);
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<ILockHandle?>(cancellationToken);
        return AcquireCoreAsync(key, options is null ? _tryOptions : Resolve(options, isTry: true), cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<ILockHandle> LockNsAsync(string key, LockOptions? options = null, CancellationToken cancellationToken = default) =>
        LockAsync(WithNamespace(key), options, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ILockHandle?> TryLockNsAsync(
        string key, LockOptions? options = null, CancellationToken cancellationToken = default) =>
        TryLockAsync(WithNamespace(key), options, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken = default)
    {
        Check(key);
        return GetCoreAsync(key, cancellationToken);
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<LockInfo> ListAsync(string? prefix = null, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return ListCoreAsync(prefix ?? string.Empty, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<UnlockOutcome> UnlockAsync(string key, string id, CancellationToken cancellationToken = default)
    {
        Check(key);
        ArgumentException.ThrowIfNullOrEmpty(id);
        return UnlockCoreAsync(key, id, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<bool> TryExtendAsync(string key, string id, TimeSpan ttl, CancellationToken cancellationToken = default)
    {
        Check(key);
        ArgumentException.ThrowIfNullOrEmpty(id);
        OptionRules.PositiveOrInfinite(ttl, nameof(ttl));
        return TryExtendCoreAsync(key, id, ttl, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<bool> ForceUnlockAsync(string key, CancellationToken cancellationToken = default)
    {
        Check(key);
        return ForceUnlockCoreAsync(key, cancellationToken);
    }

    /// <summary>Releases what is still held (unless told to keep it), ends all waits, and returns promptly.</summary>
    public ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposals, 1) != 0)
            return ValueTask.CompletedTask;
        _disposed = true;
        GC.SuppressFinalize(this);
        return DisposeCoreAsync();
    }

    /// <summary>Null when the lock was busy and the options do not want an exception for it.</summary>
    private protected abstract ValueTask<ILockHandle?> AcquireCoreAsync(
        string key, EffectiveOptions options, CancellationToken cancellationToken);

    private protected abstract ValueTask<LockInfo?> GetCoreAsync(string key, CancellationToken cancellationToken);

    private protected abstract IAsyncEnumerable<LockInfo> ListCoreAsync(string prefix, CancellationToken cancellationToken);

    private protected abstract ValueTask<UnlockOutcome> UnlockCoreAsync(string key, string id, CancellationToken cancellationToken);

    private protected abstract ValueTask<bool> TryExtendCoreAsync(
        string key, string id, TimeSpan ttl, CancellationToken cancellationToken);

    private protected abstract ValueTask<bool> ForceUnlockCoreAsync(string key, CancellationToken cancellationToken);

    private protected abstract ValueTask DisposeCoreAsync();

    private EffectiveOptions Resolve(LockOptions options, bool isTry) => EffectiveOptions.Resolve(Defaults, options, isTry, _defaultOwner);

    private void Check(string key)
    {
        KeyRules.Check(key);
        if (_disposed)
            ObjectDisposedException.ThrowIf(_disposed, this);
    }

    private string WithNamespace(string key)
    {
        KeyRules.Check(key);
        if (Namespace is null)
        {
            throw new InvalidOperationException(
                "This lock has no namespace. Set 'namespace' in the configuration, or use LockAsync with the whole key.");
        }

        return $"{Namespace}:{key}";
    }
}
