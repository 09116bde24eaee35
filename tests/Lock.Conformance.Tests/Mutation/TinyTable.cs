namespace Locking.Conformance.Tests.Mutation;

/// <summary>The backend of <see cref="TinyLockStore"/>: a dictionary, a clock and one gate.</summary>
internal sealed class TinyTable(TimeProvider clock)
{
    public Lock Gate { get; } = new();

    public TimeProvider Clock { get; } = clock;

    public Dictionary<string, Row> Rows { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, List<(string Id, TimeSpan Since)>> Queues { get; } = new(StringComparer.Ordinal);

    public List<TinyWatch> Watches { get; } = [];

    public List<TinyLockStore> Stores { get; } = [];

    public TimeSpan Now => Clock.SinceZero();

    internal sealed class Row(string key, string id, string owner, long token, TimeSpan from, TimeSpan ttl)
    {
        public string Key { get; } = key;

        public string Id { get; set; } = id;

        public string Owner { get; set; } = owner;

        public long Token { get; set; } = token;

        public TimeSpan From { get; set; } = from;

        public TimeSpan Ttl { get; set; } = ttl;

        public bool Released { get; set; }

        public bool Keep { get; set; }

        public int Extended { get; set; }

        public bool IsLive(TimeSpan now) => !Released && (Ttl == Timeout.InfiniteTimeSpan || now < From + Ttl);

        public TimeSpan Remaining(TimeSpan now) => Ttl == Timeout.InfiniteTimeSpan ? Ttl : From + Ttl - now;
    }

    internal sealed class TinyWatch(TinyTable table, string name, bool ignoresLimit) : IReleaseWatch
    {
        private bool _notice;

        public string Name { get; } = name;

        public bool IsWaiting { get; private set; }

        public void Notify() => _notice = true;

        public async ValueTask<bool> WaitAsync(TimeSpan atMost, CancellationToken cancellationToken)
        {
            TimeSpan end = atMost == Timeout.InfiniteTimeSpan || ignoresLimit ? TimeSpan.MaxValue : table.Now + atMost;
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                lock (table.Gate)
                {
                    IsWaiting = true;
                    if (_notice)
                    {
                        _notice = IsWaiting = false;
                        return true;
                    }

                    if (table.Now >= end)
                        return IsWaiting = false;
                }

                await Task.Delay(1, cancellationToken);
            }
        }

        public ValueTask DisposeAsync()
        {
            lock (table.Gate)
                table.Watches.Remove(this);
            return ValueTask.CompletedTask;
        }
    }
}
