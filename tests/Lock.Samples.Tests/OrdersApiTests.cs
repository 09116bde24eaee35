using System.Net;
using System.Net.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Locking.Samples.Tests;

/// <summary>The web API of docs/web.md, on a server of its own.</summary>
public sealed class OrdersApiTests
{
    private static readonly string[] s_inMemory =
    [
        "--urls=http://127.0.0.1:0", "--Logging:LogLevel:Default=None", "--Locks:Orders:type=inMemory", "--Locks:Orders:namespace=orders",
        "--Locks:Orders:connection:name=orders-of-a-test", "--Locks:Reports:type=inMemory",
        "--Locks:Reports:connection:name=reports-of-a-test",
    ];

    [Fact]
    public async Task An_order_that_somebody_else_pays_is_a_conflict_and_no_other_is()
    {
        await using WebApplication app = OrdersApi.Build(s_inMemory);
        await app.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        ILock orders = app.Services.GetRequiredKeyedService<ILock>("orders");
        await using (await orders.LockNsAsync("42"))
        {
            Assert.Equal(HttpStatusCode.Conflict, await PostAsync(http, "/orders/42/payment"));
            Assert.Equal(HttpStatusCode.OK, await PostAsync(http, "/orders/43/payment"));
            Assert.Equal(HttpStatusCode.OK, await PostAsync(http, "/reports/42"));
        }

        Assert.Equal(HttpStatusCode.OK, await PostAsync(http, "/orders/42/payment"));
        Assert.Null(await orders.GetAsync("orders:42"));
    }

    [Fact]
    public void The_ledger_refuses_who_is_late()
    {
        var ledger = new Ledger();
        Assert.True(ledger.TryPay("42", 7));
        Assert.True(ledger.TryPay("42", 9));
        Assert.False(ledger.TryPay("42", 8));
    }

    [Fact]
    public async Task Locks_that_nobody_configured_fail_the_start()
    {
        await using WebApplication app = OrdersApi.Build([.. s_inMemory, "--Locks:Reports:type="]);
        LockConfigException problem = await Assert.ThrowsAsync<LockConfigException>(() => app.StartAsync());
        Assert.Equal("type", problem.Path);
    }

    private static async Task<HttpStatusCode> PostAsync(HttpClient http, string path)
    {
        using HttpResponseMessage response = await http.PostAsync(new Uri(path, UriKind.Relative), null);
        return response.StatusCode;
    }
}
