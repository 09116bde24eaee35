using StackExchange.Redis;

namespace Locking;

/// <summary>Sends scripts: what all of them share that go over one connection.</summary>
/// <param name="database">The number of the database.</param>
/// <param name="server">The server, for messages.</param>
/// <param name="limit">The limit of a request.</param>
/// <param name="time">The clock.</param>
/// <param name="isLent">Whether the application lends the client.</param>
/// <param name="silence">Told of answers, and of requests without one.</param>
internal sealed class ScriptSender(int database, string server, TimeSpan limit, TimeProvider time, bool isLent, SilenceWatch silence)
{
    private readonly MasterSearch _masters = new(time);

    /// <summary>The number of the database.</summary>
    public int Database => database;

    /// <summary>The server, for messages.</summary>
    public string Server => server;

    /// <summary>The limit of a request.</summary>
    public TimeSpan CommandTimeout => limit;

    /// <summary>The clock.</summary>
    public TimeProvider Time => time;

    /// <summary>Whether the application lends the client.</summary>
    public bool IsLent => isLent;

    /// <summary>Rings when the time of a request is up.</summary>
    public AlarmClock Alarms { get; } = AlarmClock.For(SystemClock.InPlaceOf(time));

    /// <summary>Sends a script and reads its answer; where that is 0, does the alternative, within the same limit.</summary>
    public Task<T> SendAsync<T>(
        IConnectionMultiplexer client,
        RedisScript script,
        RedisKey[] keys,
        RedisValue[] values,
        Func<RedisResult, T> read,
        CancellationToken cancellationToken,
        IScriptAlternative? alternative = null)
    {
        var request = new ScriptRequest<T>(read, alternative);
        request.Begin(this, client, script, keys, values, cancellationToken);
        return request.Answer;
    }

    /// <inheritdoc cref="SilenceWatch.OnAnswer"/>
    public void OnAnswer(RedisKey[] keys) => silence.OnAnswer(keys);

    /// <inheritdoc cref="SilenceWatch.OnNoAnswer"/>
    public void OnNoAnswer(IConnectionMultiplexer asked, RedisKey[] keys) => silence.OnNoAnswer(asked, keys);

    /// <summary>Asks the client to look again who is master.</summary>
    public void Reconfigure(IConnectionMultiplexer client) => _masters.Begin(client);
}
