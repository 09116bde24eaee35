using System.Collections.Concurrent;

namespace Locking;

/// <summary>Votes of nodes that still had to connect when the others had decided: they go on until the holder releases.</summary>
internal sealed class LateVotes
{
    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>Begins the votes for a holder. Those of an earlier attempt of the same holder end.</summary>
    public Entry Begin(string holderId, CancellationToken cancellationToken)
    {
        Stop(holderId);
        return new Entry(this, holderId, cancellationToken);
    }

    /// <summary>Ends what is still to be sent for a holder. What was sent is overtaken by nothing: a release follows on the same connection.</summary>
    public void Stop(string holderId)
    {
        if (_entries.TryRemove(holderId, out var entry))
            entry.Stop();
    }

    /// <summary>The votes for one holder.</summary>
    internal sealed class Entry : IDisposable
    {
        private readonly LateVotes _votes;
        private readonly string _holderId;
        private readonly CancellationTokenSource _source;
        private bool _kept;

        public Entry(LateVotes votes, string holderId, CancellationToken cancellationToken)
        {
            _votes = votes;
            _holderId = holderId;
            // A caller that gives up ends them too, but only until they are kept.
            _source = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        }

        public CancellationToken Token => _source.Token;

        public void Stop() => _source.Cancel();

        /// <summary>Lets them go on until they are done, or the holder releases.</summary>
        public void KeepUntil(Task votes)
        {
            if (votes.IsCompleted)
                return;
            _kept = true;
            _votes._entries[_holderId] = this;
            _ = votes.ContinueWith(
                static (ended, entry) =>
                {
                    _ = ended.Exception;
                    ((Entry)entry!).Forget();
                },
                this, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        public void Dispose()
        {
            if (!_kept)
                _source.Dispose();
        }

        private void Forget()
        {
            // Whoever takes it out of the table has it alone.
            if (_votes._entries.TryRemove(new KeyValuePair<string, Entry>(_holderId, this)))
                _source.Dispose();
        }
    }
}
