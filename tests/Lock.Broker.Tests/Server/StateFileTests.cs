using Locking.Conformance;
using Microsoft.Extensions.Time.Testing;

namespace Locking;

/// <summary>What a broker leaves for the one after it.</summary>
public sealed class StateFileTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"lock-state-{Guid.NewGuid():N}");
    private readonly FakeTimeProvider _time = new();

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void After_a_crash_the_longest_lease_is_waited_for_and_no_token_comes_twice()
    {
        using (var state = Open())
        {
            Assert.Equal(TimeSpan.Zero, state.Wait);
            state.Cover(TimeSpan.FromSeconds(30), 500);
            state.Cover(TimeSpan.FromSeconds(5), 501);
        }

        _time.Advance(TimeSpan.FromSeconds(10));
        using var next = Open();
        Assert.InRange(next.Wait.TotalSeconds, 20, 31);
        Assert.True(next.LastToken > 501);
    }

    [Fact]
    public void A_clean_end_needs_no_wait()
    {
        using (var state = Open())
        {
            state.Cover(TimeSpan.FromSeconds(30), 500);
            state.CloseClean(777);
        }

        using var next = Open();
        Assert.Equal(TimeSpan.Zero, next.Wait);
        Assert.Equal(777, next.LastToken);
    }

    [Fact]
    public void A_lease_without_expiry_is_waited_for_however_old_it_is()
    {
        using (var state = Open())
            state.Cover(Timeout.InfiniteTimeSpan, 500);
        _time.Advance(TimeSpan.FromDays(1));
        using var next = Open();
        Assert.Equal(BrokerServer.PermanentWait, next.Wait);
    }

    [Fact]
    public void Most_grants_write_nothing()
    {
        using var state = Open();
        state.Cover(TimeSpan.FromSeconds(30), 500);
        var before = File.ReadAllBytes(_path);
        for (var i = 0; i < 30; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(100));
            state.Cover(TimeSpan.FromSeconds(30), 501 + i);
        }

        Assert.Equal(before, File.ReadAllBytes(_path));
        _time.Advance(TimeSpan.FromSeconds(10));
        state.Cover(TimeSpan.FromSeconds(30), 600);
        Assert.NotEqual(before, File.ReadAllBytes(_path));
    }

    [Fact]
    public void A_torn_write_leaves_the_one_before_it()
    {
        using (var state = Open())
        {
            state.Cover(TimeSpan.FromSeconds(30), 500);
            state.Cover(TimeSpan.FromSeconds(90), 501);
        }

        var bytes = File.ReadAllBytes(_path);
        for (var slot = 0; slot < 2; slot++)
        {
            var torn = (byte[])bytes.Clone();
            torn.AsSpan((slot * 256) + 30, 40).Clear();
            File.WriteAllBytes(_path, torn);
            using var state = Open();
            Assert.True(state.Wait >= TimeSpan.FromSeconds(29));
        }
    }

    [Fact]
    public void Rubbish_counts_as_nothing()
    {
        File.WriteAllText(_path, "rubbish");
        using var state = Open();
        Assert.Equal(TimeSpan.Zero, state.Wait);
        Assert.Equal(0, state.LastToken);
    }

    private StateFile Open() => new(_path, durable: true, _time);
}
