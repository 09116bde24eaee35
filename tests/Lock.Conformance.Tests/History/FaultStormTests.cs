using Locking.Conformance.Tests.Mutation;
using Xunit.Sdk;

namespace Locking.Conformance.Tests.History;

public sealed class FaultStormTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task L49_No_two_holders_can_rely_on_one_lock_and_tokens_rise_whatever_the_network_does(bool useAbilities)
    {
        using var table = new InMemoryLockTable();
        var storm = new FaultStorm(Environment.TickCount);
        await storm.RunAsync(() => new InMemoryLockStore(table), grants: 80, useAbilities);
        storm.Handles.Check();
        storm.Answers.Check();
        Assert.True(storm.Handles.Grants >= 60, $"only {storm.Handles.Grants} grants: nothing is proved");
        Assert.True(storm.Faults >= 30, $"only {storm.Faults} faults: nothing is proved");
    }

    [Theory]
    [InlineData(Mistake.S05_Releases_by_key_alone)]
    [InlineData(Mistake.S06_Expires_early)]
    [InlineData(Mistake.S08_Release_deletes_the_counter)]
    public async Task A_careless_store_is_found_out_by_the_history(Mistake mistake)
    {
        var table = new TinyTable(TimeProvider.System);
        var storm = new FaultStorm(Environment.TickCount);
        await storm.RunAsync(() => new TinyLockStore(table, mistake), grants: 100, useAbilities: true);
        Assert.Throws<XunitException>(() =>
        {
            storm.Handles.Check();
            storm.Answers.Check();
        });
    }
}
