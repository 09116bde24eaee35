using System.Globalization;
using System.Text;

namespace Locking.Fuzz;

/// <summary>Lines for the broker that were made up, some of them mutated. The same seed makes the same lines.</summary>
internal sealed class FuzzLines(int seed)
{
    /// <summary>Keys beginning with this are held by somebody else for the whole run.</summary>
    public const string Pinned = "pinned/";

    /// <summary>Requests for pinned keys have numbers from here on.</summary>
    public const int PinnedNumbers = 1_000_000_000;

    private const int PinnedKeys = 8;

    private static readonly string[] s_types =
    [
        "lock", "unlock", "lock-received", "lock-received-rejected", "lock-client-timeout", "ls", "lock-info-request", "ping",
        "acquire-many", "release-many", "increment-readers", "decrement-readers", "register-write-flag-check",
        "register-write-flag-and-readers-check", "set-write-flag-false-and-broadcast", "system-stats-request",
        "lk-hello", "lk-auth", "lk-acquire", "lk-release", "lk-extend", "lk-withdraw", "lk-reclaim", "lk-get", "lk-list",
        "lk-force", "lk-ping",
    ];

    private static readonly string[] s_values =
    [
        "null", "true", "false", "0", "1", "-1", "5000", "1e999", "-0.5", "99999999999999999999", "\"\"", "\"k\"", "\"a\"", "\"b\"",
        "\"U1\"", "\"U2\"",
        "\"0.2.25\"", "[]", "{}", "[\"a\",\"b\"]", "[1,null]", "\"\\ud800\"", "\"\\u0000\"", "{\"a\":{\"b\":[1,{}]}}", "\"schlüssel🔑\"",
    ];

    private static readonly string[] s_fields =
    [
        "key", "uuid", "_uuid", "id", "n", "ttl", "max", "force", "wait", "retryCount", "keepLocksAfterDeath", "rwStatus", "owner",
        "queue", "keep",
        "token", "prefix", "mac", "nonce", "keys", "lockUuid", "value", "timestamp", "inspectCommand", "unknown",
    ];

    private static readonly string[] s_pinnedTypes =
        ["lock", "unlock", "lk-acquire", "lk-release", "lk-extend", "lk-withdraw", "lk-reclaim", "lk-get"];

    private readonly Random _random = new(seed);

    /// <summary>So many lines, each with its end.</summary>
    public byte[] Batch(int count)
    {
        var lines = new MemoryStream();
        for (int i = 0; i < count; i++)
        {
            if (_random.Next(8) == 0)
            {
                lines.Write(Encoding.UTF8.GetBytes(PinnedLine()));
            }
            else
            {
                byte[] line = Encoding.UTF8.GetBytes(Line());
                for (int mutations = _random.Next(4) == 0 ? _random.Next(1, 4) : 0; mutations > 0; mutations--)
                    line[_random.Next(line.Length)] = (byte)_random.Next(256);
                lines.Write(line.AsSpan(0, _random.Next(20) == 0 ? _random.Next(line.Length) : line.Length));
            }

            lines.WriteByte((byte)'\n');
        }

        return lines.ToArray();
    }

    private string Line()
    {
        // Seldom: after a version that does not fit, and after lk-stay's connection ends, nothing of interest comes.
        int special = _random.Next(4000);
        string type = special == 0 ? "version" : special == 1 ? "lk-stay" : s_types[_random.Next(s_types.Length)];
        StringBuilder line = new StringBuilder("{\"type\":\"").Append(type).Append('"');

        // Half of our own messages carry what they need, or they would only ever be refused.
        if (type.StartsWith("lk-", StringComparison.Ordinal) && _random.Next(2) == 0)
        {
            line.Append(CultureInfo.InvariantCulture,
                $",\"n\":{_random.Next(1000)},\"key\":\"fuzz/{_random.Next(4)}\",\"id\":\"I{_random.Next(6)}\"");
            if (_random.Next(2) == 0)
                line.Append(CultureInfo.InvariantCulture, $",\"ttl\":{_random.Next(1, 200)}");
            if (_random.Next(2) == 0)
                line.Append(",\"queue\":true");
        }

        for (int i = _random.Next(7); i >= 0; i--)
        {
            string field = s_fields[_random.Next(s_fields.Length)];
            string value = field == "key" && _random.Next(2) == 0 ? $"\"fuzz/{_random.Next(4)}\"" : s_values[_random.Next(s_values.Length)];
            line.Append(",\"").Append(field).Append("\":").Append(value);
        }

        return line.Append('}').ToString();
    }

    /// <summary>A line that is in order, for a key that somebody else holds: it must have no effect.</summary>
    private string PinnedLine()
    {
        string type = s_pinnedTypes[_random.Next(s_pinnedTypes.Length)];
        int id = _random.Next(6);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{{\"type\":\"{type}\",\"key\":\"{Pinned}{_random.Next(PinnedKeys)}\",\"n\":{PinnedNumbers + _random.Next(1000)},"
                + $"\"id\":\"I{id}\",\"uuid\":\"I{id}\",")
            + string.Create(
                CultureInfo.InvariantCulture,
                $"\"_uuid\":\"I{id}\",\"ttl\":{_random.Next(1, 5000)},\"token\":{_random.Next()},"
                    + $"\"queue\":{(_random.Next(2) == 0 ? "true" : "false")}}}");
    }
}
