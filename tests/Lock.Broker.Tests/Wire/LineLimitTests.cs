using System.Net.Sockets;
using System.Text;

namespace Locking;

/// <summary>The limit of a line is exact, however the line arrives and whatever carries it.</summary>
public sealed class LineLimitTests : IDisposable
{
    private const int Limit = 4096;

    private readonly string _directory = Directory.CreateTempSubdirectory("lock-lines-").FullName;

    public static TheoryData<string, int, string, int> Lines
    {
        get
        {
            var lines = new TheoryData<string, int, string, int>();
            foreach (string transport in (string[])["unix", "tcp", "portable unix", "portable tcp"])
            {
                foreach (int length in (int[])[Limit - 1, Limit, Limit + 1])
                {
                    // In one piece; within the line; between the line and its end; within its end.
                    foreach (int cut in (int[])[0, 100, length])
                        lines.Add(transport, length, "\n", cut);
                    foreach (int cut in (int[])[0, length, length + 1])
                        lines.Add(transport, length, "\r\n", cut);
                }
            }

            return lines;
        }
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [MemberData(nameof(Lines))]
    public async Task A_line_is_answered_up_to_the_limit_and_ends_its_connection_beyond_it(string transport, int length,
        string end, int cut)
    {
        await using BrokerServer server = Start(transport);
        await using RawClient client = await ConnectAsync(server, transport);
        await using RawClient other = await ConnectAsync(server, transport);
        byte[] line = Encoding.UTF8.GetBytes(LineOf(length, "A") + end);
        await client.SendBytesAsync(line.AsMemory(0, cut));
        if (cut > 0)
            await ReadAsync(other);
        if (length > Limit)
        {
            // The first piece may have been too long already.
            await IgnoreBrokenAsync(client.SendBytesAsync(line.AsMemory(cut)));
            Assert.Null(await client.ReadLineAsync());
        }
        else
        {
            await client.SendBytesAsync(line.AsMemory(cut));
            Assert.Equal(Uuid(length, "A"), (await client.ReadAsync()).GetProperty("uuid").GetString());
            await client.ExpectNothingAsync();
        }

        await other.ExpectNothingAsync();
    }

    [Theory]
    [InlineData("unix")]
    [InlineData("portable unix")]
    public async Task What_came_before_a_line_that_is_too_long_is_answered_and_what_came_behind_it_is_not(string transport)
    {
        await using BrokerServer server = Start(transport);
        await using RawClient client = await ConnectAsync(server, transport);
        await client.SendBytesAsync(Encoding.UTF8.GetBytes($"{LineOf(100, "A")}\n{LineOf(Limit + 1, "B")}\n{LineOf(100, "C")}\n"));
        Assert.Equal(Uuid(100, "A"), (await client.ReadAsync()).GetProperty("uuid").GetString());
        Assert.Null(await client.ReadLineAsync());
    }

    /// <summary>A line of so many bytes that is always answered.</summary>
    private static string LineOf(int length, string uuid) => $$"""{"type":"ping","timestamp":1,"uuid":"{{Uuid(length, uuid)}}"}""";

    private static string Uuid(int length, string uuid) =>
        uuid + new string('u', length - uuid.Length - """{"type":"ping","timestamp":1,"uuid":""}""".Length);

    /// <summary>Both connections are read by one thread in turns: after two answers here,
    /// what was sent there before has been read.</summary>
    private static async Task ReadAsync(RawClient other)
    {
        await other.ExpectNothingAsync();
        await other.ExpectNothingAsync();
    }

    private static async Task IgnoreBrokenAsync(Task sending)
    {
        try
        {
            await sending;
        }
        catch (SocketException)
        {
            // The connection has been ended meanwhile, which is what is asked next.
        }
    }

    private BrokerServer Start(string transport)
    {
        var server = new BrokerServer(new BrokerServerOptions
        {
            Path = Path.Combine(_directory, "broker.sock"),
            Host = "127.0.0.1",
            Port = 0,
            Limits = new BrokerLimits { LineLength = Limit },
        })
        {
            NewArrivals = transport.StartsWith("portable", StringComparison.Ordinal)
                ? static () => new RuntimeArrivals()
                : ServingThread.SystemArrivals,
        };
        Assert.True(server.TryStart());
        return server;
    }

    private static async Task<RawClient> ConnectAsync(BrokerServer server, string transport)
    {
        RawClient client = transport.EndsWith("tcp", StringComparison.Ordinal)
            ? await RawClient.TcpAsync(server.Port)
            : await RawClient.UnixAsync(server.Options.Path!);

        // It is served from here on, so that its bytes are read as they come.
        await client.ExpectNothingAsync();
        return client;
    }
}
