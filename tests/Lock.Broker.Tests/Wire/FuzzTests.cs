using System.Text;

namespace Locking;

/// <summary>Lines that were made up and mutated: no crash, no wrong grant, no growth.</summary>
public sealed class FuzzTests
{
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

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Made_up_lines_harm_nobody(int seed)
    {
        await using var broker = new TestBroker();
        BrokerLockStore holder = broker.Store();
        var request = new AcquireRequest("guarded", "G", "test", TimeSpan.FromMinutes(5));
        long? token = (await holder.TryAcquireAsync(request, default)).FencingToken;
        var random = new Random(seed);
        int answers = 0;
        int grants = 0;
        for (int round = 0; round < 5; round++)
        {
            RawClient hostile = await broker.RawAsync(tcp: round % 2 == 0);
            var reading = Task.Run(async () =>
            {
                while (await hostile.ReadLineAsync() is { } line)
                {
                    answers++;
                    if (line.Contains("\"acquired\":true", StringComparison.Ordinal)
                        || line.Contains("lk-granted", StringComparison.Ordinal))
                        grants++;
                }
            });
            try
            {
                for (int batch = 0; batch < 20; batch++)
                    await hostile.SendBytesAsync(Batch(random));
            }
            catch (System.Net.Sockets.SocketException)
            {
                // Cut for a line that was too long.
            }

            // Most of the time all is answered; now and then the connection is closed before.
            if (round == 3)
                hostile.Close();
            else
                hostile.Finish();
            await reading;
        }

        // It was not merely refused: a good part of the 20,000 lines was answered, and some with a grant.
        Assert.True(answers > 5_000, $"{answers} answers");
        Assert.True(grants > 20, $"{grants} grants");
        Assert.Equal(token, (await holder.TryAcquireAsync(request, default)).FencingToken);
        Assert.False(
            (await broker.Store().TryAcquireAsync(new AcquireRequest("guarded", "H", "test", TimeSpan.FromSeconds(5)), default)).IsGranted);
        while (broker.Server.ConnectionCount > 2)
            await Task.Delay(5);

        // All that the hostile clients took is gone with them, but for what they asked to keep.
        foreach (string? key in new[] { "fuzz-a", "fuzz-b" })
            Assert.Equal(0, broker.Server.Locks.Table.Report(key).Waiters);
    }

    private static byte[] Batch(Random random)
    {
        var lines = new MemoryStream();
        for (int i = 0; i < 200; i++)
        {
            byte[] line = Encoding.UTF8.GetBytes(Line(random));
            for (int mutations = random.Next(4) == 0 ? random.Next(1, 4) : 0; mutations > 0; mutations--)
                line[random.Next(line.Length)] = (byte)random.Next(256);
            lines.Write(line.AsSpan(0, random.Next(20) == 0 ? random.Next(line.Length) : line.Length));
            lines.WriteByte((byte)'\n');
        }

        return lines.ToArray();
    }

    private static string Line(Random random)
    {
        // Seldom: after a version that does not fit, nothing is answered any more.
        int special = random.Next(20_000);
        string type = special == 0 ? "version" : special == 1 ? "lk-stay" : s_types[random.Next(s_types.Length)];
        StringBuilder line = new StringBuilder("{\"type\":\"").Append(type).Append('"');
        if (type.StartsWith("lk-", StringComparison.Ordinal) && random.Next(2) == 0)
        {
            // Half of our own messages carry what they need, or they would only ever be refused.
            line.Append(System.Globalization.CultureInfo.InvariantCulture,
                $",\"n\":{random.Next(1000)},\"key\":\"fuzz-a\",\"id\":\"I{random.Next(6)}\"");
            line.Append(System.Globalization.CultureInfo.InvariantCulture,
                $",\"ttl\":{random.Next(1, 200)}{(random.Next(2) == 0 ? ",\"queue\":true" : "")}");
        }

        for (int i = random.Next(8); i >= 0; i--)
        {
            string field = s_fields[random.Next(s_fields.Length)];
            string value = field == "key" && random.Next(2) == 0
                ? (random.Next(2) == 0 ? "\"fuzz-a\"" : "\"fuzz-b\"")
                : s_values[random.Next(s_values.Length)];
            line.Append(",\"").Append(field).Append("\":").Append(value);
        }

        return line.Append('}').ToString();
    }
}
