namespace Locking.Core.Tests;

public sealed class HolderIdTests
{
    [Fact]
    public async Task Ids_are_random_UUIDs_and_none_comes_twice_whatever_thread_makes_them()
    {
        List<string>[] made = await Task.WhenAll(Enumerable.Range(0, 8)
            .Select(_ => Task.Run(() => Enumerable.Range(0, 1000).Select(_ => HolderIds.New()).ToList())));
        var ids = made.SelectMany(static some => some).ToList();
        Assert.Equal(8000, ids.Distinct(StringComparer.Ordinal).Count());
        Assert.All(ids, static id => Assert.Matches("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$", id));
    }
}
