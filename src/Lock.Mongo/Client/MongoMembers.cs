using MongoDB.Bson;
using MongoDB.Driver;
using MongoDB.Driver.Core.Configuration;
using MongoDB.Driver.Core.Servers;

namespace Locking;

/// <summary>One member, for the diagnosis.</summary>
/// <param name="Name">Where it is.</param>
/// <param name="Problem">Why it did not answer; null: it did.</param>
/// <param name="ClockOffset">How far its clock is ahead of this machine's, if it said.</param>
/// <param name="Uncertainty">How far the offset may be off, for the time that the question took.</param>
internal readonly record struct MongoMember(string Name, string? Problem, TimeSpan? ClockOffset, TimeSpan Uncertainty);

/// <summary>A client that knows all members, where others know only the one that takes writes.</summary>
internal interface IMongoMembers
{
    /// <summary>All members that are known by now.</summary>
    Task<IReadOnlyList<MongoMember>> GreetAllAsync(CancellationToken cancellationToken);
}

/// <summary>Asks each member by itself, over a connection that is closed again; of a client that is lent, only the driver's own description
/// is read.</summary>
internal sealed class MongoMembers(MongoClientSource source, MongoServers servers, TimeProvider time) : IMongoMembers
{
    private static readonly BsonDocument s_hello = new("hello", 1);

    public async Task<IReadOnlyList<MongoMember>> GreetAllAsync(CancellationToken cancellationToken)
    {
        IMongoClient client = await source.GetAsync(cancellationToken).ConfigureAwait(false);
        IReadOnlyList<ServerDescription> known = client.Cluster.Description.Servers;
        if (source.IsLent || known.Any(server => server.Type == ServerType.LoadBalanced)) return [.. known.Select(Read)];
        return await Task.WhenAll(known.Select(server => GreetAsync(server, cancellationToken))).ConfigureAwait(false);
    }

    private MongoMember Read(ServerDescription server) => new(
        MongoServers.Name(server.EndPoint), server.HeartbeatException is { } failure
            ? servers.Explain(MongoServers.Name(server.EndPoint), failure).Text : null, null, TimeSpan.Zero);

    private async Task<MongoMember> GreetAsync(ServerDescription server, CancellationToken cancellationToken)
    {
        string name = MongoServers.Name(server.EndPoint);
        MongoTarget target = source.Target with { Hosts = [name], ReplicaSet = null };
        MongoClientSettings settings = await source.SettingsAsync(target, cancellationToken).ConfigureAwait(false);
        settings.Scheme = ConnectionStringScheme.MongoDB;
        settings.Server = MongoServerAddress.Parse(name);
        settings.DirectConnection = true;
        settings.ReplicaSetName = null;
        // The greeting needs no user, and an arbiter knows none.
        settings.Credential = null;
        settings.ServerSelectionTimeout = source.Target.ConnectTimeout;
        using var asking = new DriverCommandRunner(new MongoClientSource(settings, target), time);
        try
        {
            // The first one opens the connection.
            await asking.GreetAsync(s_hello, cancellationToken).ConfigureAwait(false);
            DateTimeOffset asked = time.GetUtcNow();
            long start = time.GetTimestamp();
            BsonDocument hello = await asking.GreetAsync(s_hello, cancellationToken).ConfigureAwait(false);
            TimeSpan half = time.GetElapsedTime(start) / 2;
            return new MongoMember(name, null, MongoServerFacts.Parse(hello).LocalTime - (asked + half), half);
        }
        catch (LockStoreException exception)
        {
            return new MongoMember(name, exception.Message.TrimEnd('.'), null, TimeSpan.Zero);
        }
    }
}
