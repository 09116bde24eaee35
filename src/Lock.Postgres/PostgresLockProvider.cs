using Npgsql;

namespace Locking;

/// <summary>Makes stores of the backend <c>postgres</c>: one row for each key in a table of PostgreSQL 12 or newer.</summary>
public sealed class PostgresLockProvider : LockProvider<PostgresLockSettings>
{
    internal static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(3);

    private readonly NpgsqlDataSource? _lent;

    /// <summary>Creates a provider whose stores connect by themselves.</summary>
    public PostgresLockProvider()
    {
    }

    /// <summary>Creates a provider whose stores use connections that the application has, with all that is set up for them.</summary>
    /// <remarks>A step takes a connection for the time of one statement; who waits, one more for as long as anybody waits. Steps are never
    /// part of a transaction of the caller's.</remarks>
    /// <param name="dataSource">Where connections come from; it stays the application's to dispose, and has to live as long as the locks.
    /// Nothing that says how to connect may be set beside it.</param>
    public PostgresLockProvider(NpgsqlDataSource dataSource)
    {
        ArgumentNullException.ThrowIfNull(dataSource);
        _lent = dataSource;
    }

    /// <inheritdoc/>
    public override string Type => PostgresLockStore.TypeName;

    /// <inheritdoc/>
    public override SettingsTable<PostgresLockSettings> Settings => PostgresLockSettings.Rows;

    /// <inheritdoc/>
    protected override ILockStore CreateStoreCore(PostgresLockSettings settings, LockOptions options, LockProviderContext context)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(context);
        string target = "the data source that was given in code";
        if (_lent is not null
            && settings with { Table = null, CreateTable = null, ConnectTimeout = null, CommandTimeout = null, FenceRetention = null }
                != new PostgresLockSettings())
            throw new LockConfigException("connection",
                $"says how to connect, but {target} does; leave all of it out but table, createTable, connectTimeout and commandTimeout.");
        NpgsqlDataSource source = _lent ?? PostgresConnection.Open(settings, out target);
        var store = new PostgresStoreSettings
        {
            Table = PostgresConnection.Quoted(settings.Table ?? "locks", "connection.table"),
            CreateTable = settings.CreateTable ?? true,
            FenceRetention = settings.FenceRetention ?? PostgresStoreSettings.DefaultRetention,
            StepTimeout = (settings.ConnectTimeout ?? ConnectTimeout) + (settings.CommandTimeout ?? TimeSpan.FromSeconds(2)),
            Target = target,
        };
        return new PostgresLockStore(source, isOwned: _lent is null, store, context.TimeProvider);
    }
}
