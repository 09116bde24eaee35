namespace Locking;

/// <summary>Tasks that nobody waits for, or not to their end.</summary>
internal static class TaskFaults
{
    /// <summary>Observes the fault of a task nobody waits for.</summary>
    public static void Forget(Task task) => _ = Settled(task);

    /// <summary>Ends when the task does, and never throws: its fault is looked at later, or by nobody.</summary>
    public static Task Settled(Task task) =>
        task.ContinueWith(
            static ended => _ = ended.Exception,
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
