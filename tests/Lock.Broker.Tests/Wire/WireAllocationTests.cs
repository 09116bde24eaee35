using System.Text;
using Locking.Conformance;

namespace Locking;

/// <summary>Taking lines apart and composing them leaves nothing for the collector.</summary>
public sealed class WireAllocationTests
{
    private static readonly byte[] s_line = Encoding.UTF8.GetBytes(
        """{"keepLocksAfterDeath":false,"retryCount":0,"uuid":"0e9c43b1-5f0a-4b86-8b10-0c2ac9e0b9d4","key":"k","type":"lock","ttl":7050,"max":null}""");

    [Fact]
    public Task Taking_a_line_apart_allocates_nothing() => AssertNothingAsync(static () =>
    {
        Assert.True(WireMessage.Parse(s_line, out WireMessage message) == WireLine.Message && message.Type.TextEquals("lock"u8)
            && message.Ttl.TryGetInteger(out _));
    });

    [Fact]
    public async Task Composing_a_line_allocates_nothing_once_its_buffer_is_there()
    {
        var line = new LineWriter();
        await AssertNothingAsync(() =>
            line.Clear().Raw("{\"type\":\"lock\",\"key\":"u8).Text("key").Raw(",\"token\":"u8).Integer(1795303395441).Raw("}\n"u8));
    }

    [Fact]
    public async Task Lines_that_arrive_and_are_taken_allocate_nothing_once_the_buffer_is_there()
    {
        var lines = new LineBuffer(4096);
        await AssertNothingAsync(() =>
        {
            s_line.CopyTo(lines.Room().Span);
            lines.Added(s_line.Length);
            lines.Room().Span[0] = (byte)'\n';
            lines.Added(1);
            Assert.True(lines.TryTake(out ReadOnlySpan<byte> line) && line.Length == s_line.Length);
        });
        lines.Close();
    }

    private static async Task AssertNothingAsync(Action step)
    {
        // Until the runtime has compiled it for good, which it does when it has time, what it allocates is not ours.
        long began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int j = 0; j < 1_000; j++)
                step();
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            if (allocated == 0)
                return;
            Assert.True(TimeProvider.System.GetElapsedTime(began) < Eventually.Patience, $"A thousand times allocate {allocated} bytes.");
            await Task.Delay(10);
        }
    }
}
