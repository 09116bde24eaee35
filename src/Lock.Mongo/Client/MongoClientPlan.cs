using MongoDB.Driver;

namespace Locking;

/// <summary>What a client of our own is made of, checked; made of it is one with the first command, since a <c>mongodb+srv</c> URI asks DNS
/// for the rest.</summary>
/// <param name="Target">Where it connects.</param>
/// <param name="Url">What was configured.</param>
/// <param name="Adjust">Lays over the driver's settings what a lock needs.</param>
/// <param name="WriteConcern">The write concern named in the URI (<c>w</c>), if any.</param>
internal sealed record MongoClientPlan(MongoTarget Target, MongoUrl Url, Action<MongoClientSettings, MongoServers> Adjust,
    string? WriteConcern)
{
    /// <summary>The driver's settings.</summary>
    /// <param name="servers">What is to hear of the servers.</param>
    /// <param name="cancellationToken">Ends the questions to DNS.</param>
    /// <exception cref="MongoConfigurationException">What DNS says is no connection.</exception>
    public async ValueTask<MongoClientSettings> ResolveAsync(MongoServers servers, CancellationToken cancellationToken)
    {
        // Asked once more by the driver, which blocks meanwhile, and which waits for a minute in silence when there are no records.
        if (!Url.IsResolved) _ = await Url.ResolveAsync(cancellationToken).ConfigureAwait(false);
        MongoClientSettings settings = Url.IsResolved
            ? MongoClientSettings.FromUrl(Url)
            : await Task.Factory.StartNew(() => MongoClientSettings.FromUrl(Url), cancellationToken, TaskCreationOptions.LongRunning,
                TaskScheduler.Default).ConfigureAwait(false);
        Adjust(settings, servers);
        return settings;
    }

    /// <summary>Without the password, which the URI has.</summary>
    public override string ToString() => $"mongodb://{Target}";
}
