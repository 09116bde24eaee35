namespace Locking;

/// <summary>The command that runs under the lock.</summary>
internal abstract class RunningCommand : IDisposable
{
    /// <summary>Its process id, which on Unix is the id of its process group as well.</summary>
    public abstract int Pid { get; }

    /// <summary>Waits until it has ended.</summary>
    /// <returns>Its exit code, or 128 + n when signal n ended it.</returns>
    public abstract int WaitForExit();

    /// <summary>Asks it, and what it has started, to end.</summary>
    public abstract void Terminate();

    /// <summary>Ends it, and what it has started, at once.</summary>
    public abstract void Kill();

    /// <summary>Whether anything that it started in its group still runs after it has ended.</summary>
    public abstract bool HasRemains { get; }

    /// <summary>Passes a signal on.</summary>
    public abstract void Forward(int signal);

    /// <summary>This process goes on after a stop; the command shall as well.</summary>
    public abstract void Continue();

    /// <summary>After the end: ends this process the way the command ended, where a shell that waits for it must see that.</summary>
    public virtual void EndAlike()
    {
    }

    /// <inheritdoc/>
    public abstract void Dispose();
}
