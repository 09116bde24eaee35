namespace Locking.Tests.Migration.Forms;

/// <summary>The way one of the replaced systems is used, run against a backend.
/// Another backend is another small class that says where it is.</summary>
public abstract class SystemForm
{
    /// <summary>Type and connection of the backend.</summary>
    protected abstract LockConfig Backend { get; }

    /// <summary>Locks as the system was configured, on the backend under test.</summary>
    protected ILock Create(string json)
    {
        var config = LockConfig.Parse(json);
        return Lock.Create(config with { Type = Backend.Type, Connection = Backend.Connection });
    }

    /// <summary>A key that no other test uses.</summary>
    protected static string NewKey() => $"form-{Guid.NewGuid():N}";
}
