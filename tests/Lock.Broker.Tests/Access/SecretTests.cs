using System.Text.Json;

namespace Locking;

public sealed class SecretTests
{
    [Fact]
    public async Task Who_knows_the_secret_comes_in_and_the_secret_never_crosses_the_wire()
    {
        await using var broker = new TestBroker(options => options with { Secret = "open sesame" });
        Assert.True((await broker.Store().TryAcquireAsync(Request(), default)).IsGranted);
        Assert.True((await broker.Store(broker.TcpConnection).TryAcquireAsync(Request("other"), default)).IsGranted);
        RawClient raw = await broker.RawAsync();
        await raw.SendAsync("""{"type":"lk-hello","uuid":"lk-hello","nonce":"abc"}""");
        string? challenge = await raw.ReadLineAsync();
        Assert.StartsWith("""{"type":"lk-challenge","nonce":""", challenge);
        Assert.DoesNotContain("sesame", challenge);
    }

    [Theory]
    [InlineData(null, "asks for a shared secret")]
    [InlineData("wrong one", "wrong secret")]
    public async Task Who_does_not_is_told_so(string? secret, string message)
    {
        await using var broker = new TestBroker(options => options with { Secret = "open sesame" });
        BrokerLockStore store = broker.Store(broker.Connection with { Secret = secret });
        LockStoreException refused = await Assert.ThrowsAsync<LockStoreException>(() => store.TryAcquireAsync(Request(), default).AsTask());
        Assert.Contains(message, refused.Message);
        Assert.False(refused.IsTransient);
        Assert.False(refused.MayHaveBeenApplied);
        Assert.DoesNotContain("wrong one", refused.ToString());
    }

    /// <summary>A proof is right as a whole: one that differs in any one place, or is cut, is another one.</summary>
    [Fact]
    public void Every_character_of_a_proof_is_compared()
    {
        string proof = SharedSecret.ClientProof("open sesame", "a", "b");
        Assert.Equal(64, proof.Length);
        Assert.True(SharedSecret.AreSame(proof, SharedSecret.ClientProof("open sesame", "a", "b")));
        for (int i = 0; i < proof.Length; i++)
        {
            string other = proof[..i] + (proof[i] == '0' ? '1' : '0') + proof[(i + 1)..];
            Assert.False(SharedSecret.AreSame(proof, other), $"place {i}");
            Assert.False(SharedSecret.AreSame(proof, proof[..i]), $"the first {i}");
        }
    }

    [Fact]
    public async Task A_broker_that_does_not_know_the_secret_is_not_trusted()
    {
        await using var broker = new TestBroker();
        BrokerLockStore store = broker.Store(broker.Connection with { Secret = "open sesame" });
        LockStoreException refused = await Assert.ThrowsAsync<LockStoreException>(() => store.TryAcquireAsync(Request(), default).AsTask());
        Assert.Contains("does not know the shared secret", refused.Message);
    }

    [Fact]
    public async Task A_published_client_hears_that_it_cannot_come_in()
    {
        await using var broker = new TestBroker(options => options with { Secret = "open sesame" });
        RawClient raw = await broker.RawAsync();
        JsonElement answer = await raw.AskAsync("""{"type":"lock","uuid":"U1","key":"k"}""");
        Assert.Equal("U1", answer.GetProperty("uuid").GetString());
        Assert.Contains("shared secret", answer.GetProperty("error").GetString());
        Assert.Null(await Look(broker));
    }

    [Fact]
    public async Task Our_own_requests_without_the_proof_are_refused()
    {
        await using var broker = new TestBroker(options => options with { Secret = "open sesame" });
        RawClient raw = await broker.RawAsync();
        JsonElement answer = await raw.AskAsync("""{"type":"lk-acquire","n":1,"key":"k","id":"I","owner":"o","ttl":1000}""");
        Assert.Equal("lk-denied", answer.GetProperty("type").GetString());
        Assert.Null(await Look(broker));
    }

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    [InlineData("192.0.2.1")]
    public void Beyond_the_loopback_it_takes_a_secret_or_an_explicit_word(string host)
    {
        ArgumentException refused = Assert.Throws<ArgumentException>(() => new BrokerServer(new BrokerServerOptions { Host = host }));
        Assert.Contains(host, refused.Message);
        Assert.Contains("--insecure", refused.Message);
        _ = new BrokerServer(new BrokerServerOptions { Host = host, Secret = "open sesame" });
        _ = new BrokerServer(new BrokerServerOptions { Host = host, Insecure = true });
    }

    [Fact]
    public void The_options_do_not_show_it() =>
        Assert.DoesNotContain("sesame", new BrokerServerOptions { Host = "localhost", Secret = "open sesame" }.ToString());

    private static Task<LockInfo?> Look(TestBroker broker) => broker.Store().GetAsync("k", default).AsTask();

    private static AcquireRequest Request(string key = "k") => new(key, Guid.NewGuid().ToString(), "test", TimeSpan.FromSeconds(30));
}
