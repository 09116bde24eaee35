using System.Runtime.CompilerServices;

namespace Locking;

/// <summary>The tables that all in-memory locks of this process share: one for each clock and name.</summary>
/// <remarks>
/// They live as long as their clock does. A name that has neither users nor leases is forgotten: a lease that was told to outlive its
/// <see cref="ILock"/> keeps its table, so that whoever comes next meets it.
/// </remarks>
internal sealed class SharedTables
{
    // A table refers to its clock; here the clock alone keeps its tables alive, so that those of a test's clock go with it.
    private static readonly ConditionalWeakTable<TimeProvider, SharedTables> s_ofClocks = [];

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private long _lastToken;

    public static SharedTables Of(TimeProvider time) => s_ofClocks.GetValue(time, static _ => new SharedTables());

    /// <summary>How many names are known, for tests.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _entries.Count;
        }
    }

    public LockTable Join(TimeProvider time, string name)
    {
        lock (_gate)
        {
            if (!_entries.TryGetValue(name, out Entry? entry))
            {
                _entries.Add(name, entry = new Entry(new LockTable(time)));

                // More than one grant a microsecond takes the tokens of a forgotten table ahead of the clock that seeds this one.
                entry.Table.RaiseTokens(_lastToken);
            }

            entry.Users++;
            return entry.Table;
        }
    }

    public void Leave(string name)
    {
        lock (_gate)
        {
            Entry entry = _entries[name];
            if (--entry.Users > 0 || entry.Table.KeyCount > 0)
                return;
            _lastToken = Math.Max(_lastToken, entry.Table.LastToken);
            _entries.Remove(name);
        }
    }

    private sealed class Entry(LockTable table)
    {
        public LockTable Table { get; } = table;

        public int Users { get; set; }
    }
}
