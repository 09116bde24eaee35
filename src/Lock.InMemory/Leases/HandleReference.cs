namespace Locking;

/// <summary>What a lease knows of its handle: the handle itself while it is young, the wait before the grant, and later no more than keeps
/// it from being collected unseen.</summary>
internal struct HandleReference<THandle, TWait>
    where THandle : class
    where TWait : class
{
    private object? _target; // the handle, the wait, a weak reference to the handle, or null once it was dropped

    /// <summary>Whether a sweep has found that the handle was dropped.</summary>
    public bool WasDropped => Volatile.Read(ref _target) is null;

    /// <summary>Whether somebody has the handle, or will have it.</summary>
    public readonly bool IsAlive => _target switch
    {
        THandle or TWait => true,
        WeakReference<THandle> reference => reference.TryGetTarget(out _),
        _ => false,
    };

    /// <summary>The wait for the grant, while it lasts.</summary>
    public TWait? Wait => Volatile.Read(ref _target) as TWait;

    public void Set(THandle handle) => Volatile.Write(ref _target, handle);

    public void Set(TWait wait) => Volatile.Write(ref _target, wait);

    /// <summary>Looks whether the handle was dropped; one that is not young any more is not kept alive from here on.</summary>
    /// <returns>True once, when it was dropped.</returns>
    public bool Sweep(bool isYoung)
    {
        switch (_target)
        {
            case THandle handle when !isYoung:
                _target = new WeakReference<THandle>(handle);
                return false;
            case WeakReference<THandle> reference when !reference.TryGetTarget(out _):
                Volatile.Write(ref _target, null);
                return true;
            default:
                return false;
        }
    }
}
