using MongoDB.Driver;

namespace Locking;

/// <summary>What each failure of the driver means: may it work later, and was the command sent.</summary>
internal sealed class MongoDriverFaults(MongoTarget target, MongoServers servers)
{
    /// <summary>Says it in our words.</summary>
    /// <param name="failure">What the driver threw.</param>
    /// <param name="wasSent">The command may have left.</param>
    public LockStoreException Explain(Exception failure, bool wasSent)
    {
        if (MongoServers.Find<MongoAuthenticationException>(failure) is { } login) return ExplainLogin(login);
        string name =
            failure is MongoConnectionException { ConnectionId: { } id } ? MongoServers.Name(id.ServerId.EndPoint) : target.ToString();
        switch (failure)
        {
            case ObjectDisposedException when target.IsLent:
                return MongoFailure.Create("The IMongoClient that was given in code is disposed: it has to live as long as the lock.",
                    isTransient: false, wasSent, failure);
            case MongoIncompatibleDriverException or MongoConfigurationException:
                return MongoFailure.Create($"{target}: {failure.Message}", isTransient: false, wasSent, failure);
            case MongoWaitQueueFullException or TimeoutException { } when !wasSent:
                return MongoFailure.Create($"No connection to {target} became free: {failure.Message} Raise maxPoolSize (currently "
                    + $"{target.MaxConnections}).", isTransient: true, mayHaveRun: false, failure);
            default:
                break;
        }

        if (wasSent)
            return MongoFailure.Create($"{name}: {failure.Message}{Because(failure)}", isTransient: true, mayHaveRun: true, failure);
        (string text, bool isHopeless) = servers.Explain(name, failure);
        return MongoFailure.Create($"{text}.", !isHopeless, mayHaveRun: false, failure);
    }

    private LockStoreException ExplainLogin(MongoAuthenticationException login)
    {
        string name = login.ConnectionId is { } id ? MongoServers.Name(id.ServerId.EndPoint) : target.ToString();
        MongoCommandException? refused = MongoServers.Find<MongoCommandException>(login);
        // A connection that broke, or a server that stops, says nothing about the user.
        bool isFinal = MongoServers.Find<IOException>(login) is null && (refused is null || !MongoFaults.IsTransient(refused.Code));
        string said =
            refused is null ? Because(login).TrimStart() : $" {refused.Result?.Text("errmsg").TrimEnd('.')} (code {refused.Code}).";
        string advice = refused?.Code == 334
            ? " Check authMechanism of the URI, or which mechanisms the server has switched on."
            : " Check connection.username, connection.password and authSource.";
        return MongoFailure.Create(
            $"{name} refused the user '{target.Username}' (authSource '{target.AuthSource}'): "
                + $"{login.Message.TrimEnd('.')}.{said}{(isFinal ? advice : "")}", !isFinal, mayHaveRun: false, login);
    }

    private static string Because(Exception failure)
    {
        string text = "";
        for (Exception? inner = failure.InnerException; inner is not null; inner = inner.InnerException) text += $" {inner.Message}";
        return text;
    }
}
