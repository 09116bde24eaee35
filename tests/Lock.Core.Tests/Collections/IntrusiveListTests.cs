namespace Locking.Core.Tests;

/// <summary>The list behind every line, against an ordinary one.</summary>
public sealed class IntrusiveListTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Items_come_and_go_from_any_place(int seed)
    {
        var random = new Random(seed);
        var list = default(IntrusiveList<Item>);
        var expected = new List<Item>();
        for (int i = 0; i < 2_000; i++)
        {
            var item = new Item();
            switch (random.Next(4))
            {
                case 0:
                    list.AddFirst(item);
                    expected.Insert(0, item);
                    break;
                case 1:
                    list.AddLast(item);
                    expected.Add(item);
                    break;
                default:
                    if (expected.Count == 0)
                        continue;
                    item = expected[random.Next(expected.Count)];
                    list.Remove(item);
                    expected.Remove(item);
                    Assert.Null(item.After); // keeps nobody alive
                    break;
            }

            var found = new List<Item>();
            for (Item? at = list.First; at is not null; at = (Item?)at.After)
                found.Add(at);
            Assert.Equal(expected, found);
            Assert.Same(expected.LastOrDefault(), list.Last);
        }
    }

    private sealed class Item : ListItem;
}
