namespace Locking.Torture;

/// <summary>Locks of one process: what can be hurt is that process.</summary>
internal sealed class InMemoryBackend : IBackend
{
    public bool IsOneProcess => true;

    public IReadOnlyDictionary<string, Func<Nemesis, Task>> Faults { get; } = new Dictionary<string, Func<Nemesis, Task>>();

    /// <summary>In memory no margin is needed for the store; this is what a thread may need to look.</summary>
    public TimeSpan Margin(TimeSpan ttl) => TimeSpan.FromMilliseconds(5);

    public Task StartAsync(string folder, int seed) => Task.CompletedTask;

    public string Config(int worker) => """{"type":"inMemory"}""";

    public Task<IReadOnlyList<string>> LeftoversAsync() => Task.FromResult<IReadOnlyList<string>>([]);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
