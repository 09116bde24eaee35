using Locking.Conformance;
using Locking.Samples.LentRedis;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace Locking;

/// <summary>The sample of an application that lends its client.</summary>
public sealed class LentSampleTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    [Fact]
    public async Task Nothing_is_lost_of_what_two_processes_count_and_the_client_goes_on()
    {
        string customer = NewKey();
        await using ConnectionMultiplexer first = await ConnectionMultiplexer.ConnectAsync(Server.EndPoint);
        await using ConnectionMultiplexer second = await ConnectionMultiplexer.ConnectAsync(Server.EndPoint);
        await using (ServiceProvider one = new ServiceCollection().AddOrders(first).BuildServiceProvider())
        await using (ServiceProvider other = new ServiceCollection().AddOrders(second).BuildServiceProvider())
        {
            await Eventually.DoneAsync(
                Task.WhenAll(Enumerable.Range(0, 40).Select(i =>
                    (i % 2 == 0 ? one : other).GetRequiredService<OrderCounter>().AddAsync(customer, CancellationToken.None))),
                "all orders", TimeSpan.FromSeconds(60));
        }

        Assert.Equal(40, (long)await first.GetDatabase().StringGetAsync($"orders-of-{customer}"));
        Assert.True(second.IsConnected);
    }
}
