using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>A cluster that asks who comes.</summary>
public sealed class AuthTests : IAsyncLifetime
{
    private EtcdServer _server = null!;

    public async Task InitializeAsync()
    {
        _server = await EtcdServer.StartAsync();
        await _server.ControlAsync("user", "add", "root:secret");
        await _server.ControlAsync("role", "add", "locks");
        await _server.ControlAsync("role", "grant-permission", "locks", "--prefix=true", "readwrite", "lock:");
        await _server.ControlAsync("user", "add", "app:pass");
        await _server.ControlAsync("user", "grant-role", "app", "locks");
        await _server.ControlAsync("user", "add", "nobody:pass");
        await _server.ControlAsync("auth", "enable");
        _server.ControlArguments = ["--user", "root:secret"];
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task The_rights_of_the_page_are_enough_for_everything()
    {
        await using ILock locks = Locks("app", "pass"), others = Locks("app", "pass");
        ILockHandle handle = await locks.LockAsync("a", new LockOptions { Ttl = TimeSpan.FromMinutes(2) });
        await handle.ExtendAsync(TimeSpan.FromMinutes(3));
        Assert.Null(await others.TryLockAsync("a"));
        Assert.Equal(handle.Id, (await others.GetAsync("a"))?.Id);
        Task<ILockHandle> waiting = others.LockAsync("a").AsTask();
        await Eventually.SettleAsync();
        await handle.UnlockAsync();
        await (await Eventually.DoneAsync(waiting, "its grant")).DisposeAsync();
        await using ILockHandle forced = await locks.LockAsync("a", new LockOptions { Ttl = Timeout.InfiniteTimeSpan });
        await foreach (LockInfo info in others.ListAsync())
            Assert.Equal("a", info.Key);
        Assert.True(await others.ForceUnlockAsync("a"));
        await Eventually.TrueAsync(() => forced.LostToken.IsCancellationRequested, "the loss");
        Assert.Contains(await ((IStoreDiagnostics)locks).DiagnoseAsync(), static finding => finding.Code == "server");
    }

    [Theory]
    [InlineData(null, null, "asks for a user")]
    [InlineData("app", "wrong", "the password is wrong")]
    [InlineData("stranger", "pass", "the password is wrong")]
    [InlineData("nobody", "pass", "no right to the keys")]
    public async Task Who_may_not_is_told_why_and_is_not_asked_to_try_again(string? user, string? password, string why)
    {
        await using ILock locks = Locks(user, password);
        LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(async () => await locks.LockAsync("a"));
        Assert.Contains(why, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("pass:", fault.Message, StringComparison.Ordinal);
        Assert.Equal((false, false), (fault.IsTransient, fault.MayHaveBeenApplied));
    }

    [Fact]
    public async Task A_user_where_nobody_is_asked_for_one_is_an_error()
    {
        await using EtcdServer open = await EtcdServer.StartAsync();
        await using ILock locks = new StoreLock(new EtcdLockStore(
            EtcdFixture.SettingsAt([open.Url]) with { Username = "app", Password = "pass" }, TimeProvider.System));
        LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(async () => await locks.TryLockAsync("a"));
        Assert.Contains("authentication is not enabled there", fault.Message, StringComparison.Ordinal);
        Assert.False(fault.IsTransient);
    }

    [Fact]
    public async Task A_log_in_that_the_server_has_forgotten_is_repeated_and_the_holder_is_watched_again()
    {
        await using ILock locks = Locks("app", "pass");
        ILockHandle handle = await locks.LockAsync("a", new LockOptions { Ttl = TimeSpan.FromMinutes(2), AutoRenew = false });

        // Its log-ins live in memory; a change of the roles makes them old.
        _server.Kill();
        _server.Start([_server]);
        await _server.ReadyAsync();
        Assert.True(await handle.TryExtendAsync(TimeSpan.FromMinutes(2)));
        await _server.ControlAsync("role", "grant-permission", "locks", "readwrite", "another");
        Assert.True(await handle.TryExtendAsync(TimeSpan.FromMinutes(2)));
        Assert.False(handle.LostToken.IsCancellationRequested);
        await _server.ControlAsync("del", "--prefix", "lock:a/");
        await Eventually.TrueAsync(() => handle.LostToken.IsCancellationRequested, "the loss");
    }

    private StoreLock Locks(string? user, string? password) =>
        new(new EtcdLockStore(EtcdFixture.SettingsAt([_server.Url]) with { Username = user, Password = password }, TimeProvider.System));
}
