namespace Locking;

/// <summary>The table of one user of it, and what the user does with it in the end.</summary>
internal sealed class TableUse
{
    private readonly SharedTables? _shared;
    private readonly string? _name;
    private readonly bool _owns;

    private TableUse(LockTable table, SharedTables? shared, string? name, bool owns)
    {
        Table = table;
        _shared = shared;
        _name = name;
        _owns = owns;
    }

    public LockTable Table { get; }

    /// <summary>A table that nobody else uses.</summary>
    public static TableUse Isolated(TimeProvider time) => new(new LockTable(time), null, null, owns: true);

    /// <summary>The process's table of a clock and a name.</summary>
    public static TableUse Shared(TimeProvider time, string name = "")
    {
        time = SystemClock.InPlaceOf(time);
        SharedTables shared = SharedTables.Of(time);
        return new TableUse(shared.Join(time, name), shared, name, owns: false);
    }

    /// <summary>A table that an application made, or the process's when it gave none.</summary>
    /// <exception cref="ArgumentException">The table has another clock.</exception>
    public static TableUse Of(InMemoryLockTable? given, TimeProvider time)
    {
        if (given is null)
            return Shared(time);
        if (!ReferenceEquals(given.Table.TimeProvider, SystemClock.InPlaceOf(time)))
            throw new ArgumentException("The table and the context must have the same TimeProvider.", nameof(given));
        return new TableUse(given.Table, null, null, owns: false);
    }

    /// <summary>The user is through. Called once.</summary>
    public void End()
    {
        if (_owns)
            Table.Dispose();
        _shared?.Leave(_name!);
    }
}
