namespace Locking.Core.Tests;

/// <summary>The heap behind every alarm and every queue's deadline, against a sorted list.</summary>
public sealed class DueHeapTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void The_first_is_always_the_one_that_is_due_first(int seed)
    {
        var random = new Random(seed);
        var heap = new DueHeap<Item>();
        Item[] items = [.. Enumerable.Range(0, 200).Select(static _ => new Item())];
        var due = new Dictionary<Item, long>();
        for (int i = 0; i < 5_000; i++)
        {
            Item item = items[random.Next(items.Length)];
            if (random.Next(3) == 0)
            {
                heap.Remove(item);
                due.Remove(item);
            }
            else
            {
                due[item] = random.Next(1_000);
                heap.Set(item, due[item]);
            }

            Assert.Equal(due.Count, heap.Count);
            Assert.Equal(due.Count == 0 ? long.MaxValue : due.Values.Min(), heap.Earliest);
            Assert.True(heap.First is null ? due.Count == 0 : due[heap.First] == heap.Earliest);
        }

        var left = new List<long>();
        for (; heap.First is { } first; heap.Remove(first))
            left.Add(heap.Earliest);
        Assert.Equal(due.Values.Order(), left);
    }

    private sealed class Item : HeapItem;
}
