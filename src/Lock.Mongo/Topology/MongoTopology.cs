namespace Locking;

/// <summary>Knows which server takes writes. Asks all known hosts at once, follows what they say about each other, and remembers the answer until told it is wrong.</summary>
internal sealed class MongoTopology(MongoClientSettings settings, MongoConnector connector, TimeProvider time) : IDisposable
{
    /// <summary>Between two rounds of asking; an election takes seconds.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly HashSet<MongoEndpoint> _known = [.. settings.Hosts];
    private readonly CancellationTokenSource _stop = new();
    private MongoEndpoint? _primary;
    private Task<MongoEndpoint>? _search;

    /// <summary>The server to send to; looks for it when unknown. Callers share one search.</summary>
    /// <exception cref="LockStoreException">No server takes writes within the selection timeout, or waiting cannot help (settings, authentication).</exception>
    public async ValueTask<MongoEndpoint> GetPrimaryAsync(CancellationToken cancellationToken)
    {
        Task<MongoEndpoint> search;
        lock (_gate)
        {
            if (_primary is { } known) return known;
            search = _search ??= Start();
        }

        return await search.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public void Dispose()
    {
        _stop.Cancel();
        _stop.Dispose();
    }

    private Task<MongoEndpoint> Start()
    {
        var search = Task.Run(SearchAsync, CancellationToken.None);
        // When all who wait have given up, nobody else looks at its failure.
        _ = search.ContinueWith(static failed => _ = failed.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        return search;
    }

    private async Task<MongoEndpoint> SearchAsync()
    {
        try
        {
            return await SearchCoreAsync(_stop.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            throw new ObjectDisposedException(nameof(MongoClient), e);
        }
        finally
        {
            lock (_gate) _search = null;
        }
    }

    private async Task<MongoEndpoint> SearchCoreAsync(CancellationToken cancellationToken)
    {
        long start = time.GetTimestamp();
        var problems = new Dictionary<MongoEndpoint, string>();
        while (true)
        {
            Round round = await AskAllAsync(Left(start), problems, cancellationToken).ConfigureAwait(false);
            if (round.Primary is { } primary) return primary;
            bool timeIsUp = Left(start) <= Pause;
            if (round.News && !timeIsUp) continue;
            if (round.Hopeless || timeIsUp)
            {
                string waited = round.Hopeless ? "" : $" within {settings.ServerSelectionTimeout.TotalMilliseconds:0} ms (connectTimeout, or serverSelectionTimeoutMS of the URI)";
                throw MongoFailure.Create($"No server that takes writes was found{waited}: {string.Join("; ", problems.Values)}", isTransient: !round.Hopeless, mayHaveRun: false);
            }

            await Task.Delay(Pause, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Asks each host that is known, for people: who answers, and what time it is there.</summary>
    public async Task<IReadOnlyList<MongoMember>> GreetAllAsync(CancellationToken cancellationToken)
    {
        List<MongoEndpoint> hosts;
        lock (_gate) hosts = [.. _known];
        return await Task.WhenAll(hosts.Select(host => GreetAsync(host, cancellationToken))).ConfigureAwait(false);
    }

    private async Task<MongoMember> GreetAsync(MongoEndpoint host, CancellationToken cancellationToken)
    {
        DateTimeOffset asked = time.GetUtcNow();
        long start = time.GetTimestamp();
        try
        {
            (MongoConnection connection, MongoHello hello) = await connector.GreetAsync(host, cancellationToken).ConfigureAwait(false);
            connection.Dispose();
            TimeSpan half = time.GetElapsedTime(start) / 2;
            return new MongoMember(host, null, hello.LocalTime - (asked + half), half);
        }
        catch (LockStoreException e)
        {
            return new MongoMember(host, e.Message.TrimEnd('.'), null, TimeSpan.Zero);
        }
    }

    /// <summary>Forgets the primary, if it is still this one.</summary>
    public void Forget(MongoEndpoint endpoint)
    {
        lock (_gate)
        {
            if (_primary == endpoint) _primary = null;
        }
    }

    /// <summary>What is left of the time for a search that began then.</summary>
    private TimeSpan Left(long start)
    {
        if (settings.ServerSelectionTimeout == Timeout.InfiniteTimeSpan) return TimeSpan.MaxValue;
        TimeSpan left = settings.ServerSelectionTimeout - time.GetElapsedTime(start);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>One round of asking.</summary>
    /// <param name="left">For so long.</param>
    /// <param name="problems">What is wrong with each host, so far. An answer of an earlier round says more than none in the last one, which may be short.</param>
    /// <param name="cancellationToken">Ends it.</param>
    private async Task<Round> AskAllAsync(TimeSpan left, Dictionary<MongoEndpoint, string> problems, CancellationToken cancellationToken)
    {
        List<MongoEndpoint> hosts;
        lock (_gate) hosts = [.. _known];
        // One host may be asked for longer than there is time to search.
        using var timeUp = new CancellationTokenSource(left == TimeSpan.MaxValue ? Timeout.InfiniteTimeSpan : left, time);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeUp.Token);
        List<Task<Answer>> pending = [.. hosts.Select(host => AskAsync(host, enough.Token))];
        bool hopeless = true;
        bool news = false;
        MongoEndpoint? primary = null;
        while (pending.Count > 0 && primary is null)
        {
            Task<Answer> next = await Task.WhenAny(pending).ConfigureAwait(false);
            pending.Remove(next);
            Answer answer = await next.ConfigureAwait(false);
            hopeless &= answer.Hopeless;
            if (answer.Problem is null) primary = Remember(answer.Endpoint, answer.Hello);
            else if (!answer.IsCutOff || !problems.ContainsKey(answer.Endpoint)) problems[answer.Endpoint] = answer.Problem;
            if (primary is null && answer.Hello is { } hello) news |= Learn(hello);
        }

        // A dead host is not waited for once the primary is known.
        await enough.CancelAsync().ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        return new Round(primary, hopeless, news);
    }

    private async Task<Answer> AskAsync(MongoEndpoint endpoint, CancellationToken cancellationToken)
    {
        try
        {
            (MongoConnection connection, MongoHello hello) = await connector.GreetAsync(endpoint, cancellationToken).ConfigureAwait(false);
            connection.Dispose();
            return Judge(endpoint, hello);
        }
        catch (LockStoreException e)
        {
            return new Answer(endpoint, null, e.Message, !e.IsTransient);
        }
        catch (OperationCanceledException)
        {
            return new Answer(endpoint, null, $"{endpoint} did not answer in time{(settings.Tls is null ? "" : " (TLS is on: does the server use it?)")}", Hopeless: false, IsCutOff: true);
        }
    }

    private Answer Judge(MongoEndpoint endpoint, MongoHello hello)
    {
        if (settings.ReplicaSet is { } wanted && hello.SetName != wanted)
            return new Answer(endpoint, null, $"{endpoint} belongs to {(hello.SetName is null ? "no replica set" : $"the replica set '{hello.SetName}'")}; replicaSet says '{wanted}'", Hopeless: true);
        if (hello.IsWritable) return new Answer(endpoint, hello, null, Hopeless: false);
        return new Answer(endpoint, hello, $"{endpoint} does not take writes (a secondary, or no primary is elected)", Hopeless: false);
    }

    private MongoEndpoint Remember(MongoEndpoint endpoint, MongoHello? hello)
    {
        if (hello is not null) Learn(hello);
        lock (_gate) _primary = endpoint;
        return endpoint;
    }

    /// <summary>Takes over the members that a member names.</summary>
    /// <returns>Whether a host was named that was not known.</returns>
    private bool Learn(MongoHello hello)
    {
        if (settings.DirectConnection || hello.SetName is null) return false;
        bool news = false;
        lock (_gate)
        {
            foreach (MongoEndpoint host in hello.Hosts) news |= _known.Add(host);
            if (hello.Primary is { } primary) news |= _known.Add(primary);
        }

        return news;
    }

    private readonly record struct Round(MongoEndpoint? Primary, bool Hopeless, bool News);

    private readonly record struct Answer(MongoEndpoint Endpoint, MongoHello? Hello, string? Problem, bool Hopeless, bool IsCutOff = false);
}
