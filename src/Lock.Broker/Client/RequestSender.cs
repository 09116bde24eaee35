namespace Locking;

/// <summary>The outgoing side of a client's connection.</summary>
/// <param name="output">What is sent.</param>
/// <param name="cut">Ends the connection: its broker does not read.</param>
internal sealed class RequestSender(OutputQueue output, Action cut) : IThreadPoolWorkItem
{
    private int _isQueued;

    /// <summary>Adds a line; it leaves with the next flush.</summary>
    public void Append(LineWriter line)
    {
        if (!output.Append(line.Written))
            cut();
    }

    /// <summary>Sends what was added.</summary>
    public void Flush() => output.Flush();

    /// <summary>Sends what was asked. A task of the pool leaves that to the pool: it may be one of many that go on at this moment, and what
    /// they ask leaves in one write. Any other thread sends by itself, since the pool may have to wake up first.</summary>
    public void FlushSoon()
    {
        if (!Thread.CurrentThread.IsThreadPoolThread)
            output.Flush();
        else if (Interlocked.Exchange(ref _isQueued, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <inheritdoc/>
    public void Execute()
    {
        // Before the flush: what is appended after the flush has looked queues it again.
        Interlocked.Exchange(ref _isQueued, 0);
        output.Flush();
    }
}
