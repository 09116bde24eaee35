using System.Text;
using Npgsql;
using NpgsqlTypes;

namespace Locking;

/// <summary>The values of statements. Their types are said, so that a statement is prepared once.</summary>
internal static class PostgresParameters
{
    public static NpgsqlParameter Bytes(string text) => new NpgsqlParameter<byte[]> { TypedValue = Encoding.UTF8.GetBytes(text) };

    public static NpgsqlParameter Text(string text) => new NpgsqlParameter<string> { TypedValue = text };

    /// <summary>A time, or null for one that never ends.</summary>
    public static NpgsqlParameter Span(TimeSpan span) =>
        new() { NpgsqlDbType = NpgsqlDbType.Interval, Value = span == Timeout.InfiniteTimeSpan ? DBNull.Value : span };
}
