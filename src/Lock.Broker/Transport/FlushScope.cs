namespace Locking;

/// <summary>
/// Puts off the flushes of one thread while it handles a batch of lines, so that each connection that is answered meanwhile gets one
/// write for all of them.
/// </summary>
internal static class FlushScope
{
    [ThreadStatic]
    private static List<OutputQueue>? s_t_dirty;

    [ThreadStatic]
    private static List<OutputQueue>? s_t_late;

    [ThreadStatic]
    private static int s_t_open;

    /// <summary>Whether this thread has put off something beyond its scope.</summary>
    public static bool HasLate => s_t_late is { Count: > 0 };

    /// <summary>Opens a scope of this thread; within another one, that one counts. No await may stand between this and <see
    /// cref="Close"/>.</summary>
    public static void Open()
    {
        s_t_open++;
        s_t_dirty ??= [];
    }

    /// <summary>Flushes at the end of the scope, or at once where none is open.</summary>
    public static void Flush(OutputQueue output)
    {
        if (s_t_open == 0)
            output.Flush();
        else if (s_t_dirty!.Count == 0 || !ReferenceEquals(s_t_dirty[^1], output))
            s_t_dirty.Add(output);
    }

    /// <summary>Flushes with what is flushed next there, or when this thread calls <see cref="FlushLate"/>; at once where no scope is
    /// open.</summary>
    public static void FlushLater(OutputQueue output)
    {
        if (s_t_open == 0)
            output.Flush();
        else if ((s_t_late ??= []).Count == 0 || !ReferenceEquals(s_t_late[^1], output))
            s_t_late.Add(output);
    }

    /// <summary>Flushes what was put off beyond its scope.</summary>
    public static void FlushLate()
    {
        foreach (OutputQueue output in s_t_late ?? [])
            output.Flush();
        s_t_late?.Clear();
    }

    /// <summary>Flushes all that was put off within the scope.</summary>
    public static void Close()
    {
        if (--s_t_open > 0)
            return;

        // The last ones first: who caused a grant is answered before the one who is granted, and it is the latter who is waiting.
        for (int i = s_t_dirty!.Count - 1; i >= 0; i--)
            s_t_dirty[i].Flush();
        s_t_dirty.Clear();
    }
}
