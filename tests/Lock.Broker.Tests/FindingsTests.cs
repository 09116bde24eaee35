using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Locking;

/// <summary>What the store says of brokers that are not like itself: an older one, a newer one, a published one.</summary>
public sealed class FindingsTests
{
    [Fact]
    public async Task Nothing_is_to_be_said_against_a_broker_of_the_same_version()
    {
        await using var broker = new TestBroker();
        IReadOnlyList<StoreFinding> findings = await broker.Store().DiagnoseAsync();
        Assert.DoesNotContain(findings, finding => finding.IsWarning);
        Assert.Contains(findings,
            finding => finding.Code == "server" && finding.Text.Contains(WireTypes.ProductVersion, StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_older_broker_is_named_with_both_versions_even_where_it_does_not_know_the_question()
    {
        IReadOnlyList<StoreFinding> findings = await DiagnoseAsync(line => line switch
        {
            _ when line.Contains("lk-hello", StringComparison.Ordinal) => """{"type":"lk-welcome","version":"0.0.1","wire":1}""",
            _ when line.Contains("lk-status", StringComparison.Ordinal) =>
                $$"""{"type":"lk-refused","n":{{NumberIn(line)}},"error":"unknown message"}""",
            _ => null,
        });
        StoreFinding older = Assert.Single(findings, finding => finding.Code == "older-broker");
        Assert.True(older.IsWarning);
        Assert.Contains("0.0.1", older.Text, StringComparison.Ordinal);
        Assert.Contains(WireTypes.ProductVersion, older.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_newer_broker_is_good_to_know()
    {
        IReadOnlyList<StoreFinding> findings = await DiagnoseAsync(line => line switch
        {
            _ when line.Contains("lk-hello", StringComparison.Ordinal) => """{"type":"lk-welcome","version":"99.0.0","wire":1}""",
            _ when line.Contains("lk-status", StringComparison.Ordinal) =>
                $$"""{"type":"lk-status","n":{{NumberIn(line)}},"remaining":0}""",
            _ => null,
        });
        Assert.False(Assert.Single(findings, finding => finding.Code == "newer-broker").IsWarning);
        Assert.DoesNotContain(findings, finding => finding.IsWarning);
    }

    [Fact]
    public async Task A_published_broker_is_told_with_what_it_lacks()
    {
        IReadOnlyList<StoreFinding> findings = await DiagnoseAsync(line => line.Contains("lk-hello", StringComparison.Ordinal)
            ? """{"uuid":"lk-hello","error":"Malformed data sent to Live-Mutex broker."}"""
            : null);
        StoreFinding published = Assert.Single(findings);
        Assert.Equal("published-broker", published.Code);
        Assert.True(published.IsWarning);
    }

    private static string NumberIn(string line) => line.Split("\"n\":")[1].TrimEnd('}');

    /// <summary>Asks a broker that answers each line as told.</summary>
    private static async Task<IReadOnlyList<StoreFinding>> DiagnoseAsync(Func<string, string?> answer)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task serving = ServeAsync(listener, answer);
        IReadOnlyList<StoreFinding> findings;
        await using (var store =
            new BrokerLockStore(new BrokerLockSettings { Host = "127.0.0.1", Port = ((IPEndPoint)listener.LocalEndpoint).Port }))
            findings = await store.DiagnoseAsync();
        await serving;
        return findings;
    }

    private static async Task ServeAsync(TcpListener listener, Func<string, string?> answer)
    {
        using TcpClient client = await listener.AcceptTcpClientAsync();
        using var reader = new StreamReader(client.GetStream());
        while (await reader.ReadLineAsync() is { } line)
        {
            if (answer(line) is { } reply)
                await client.GetStream().WriteAsync(Encoding.UTF8.GetBytes(reply + "\n"));
        }
    }
}
