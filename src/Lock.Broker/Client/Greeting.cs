namespace Locking;

/// <summary>How both sides of a connection introduce themselves, and each proves to the other that it knows the secret.</summary>
internal sealed class Greeting(ClientContext context, RequestSender sender)
{
    private readonly string _nonce = SharedSecret.NewNonce();
    private readonly TaskCompletionSource<Welcome> _welcome = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string? _brokerProof;

    /// <summary>What the broker introduced itself as.</summary>
    public Task<Welcome> Welcomed => _welcome.Task;

    /// <summary>The same, once it has.</summary>
    public Welcome Introduction { get; private set; }

    /// <summary>Whether it has: <see cref="Complete"/> is to be called then.</summary>
    public bool IsIntroduced { get; private set; }

    /// <summary>Whether it did not know our greeting: it is a published broker, which lacks what our own messages add.</summary>
    public bool IsStranger { get; private set; }

    /// <summary>Whether nothing more is taken: it can be used, or not.</summary>
    public bool IsOver => _welcome.Task.IsCompleted;

    /// <summary>Introduces this side.</summary>
    public void Begin()
    {
        sender.Append(LineWriter.Begin().Raw("{\"type\":\"version\",\"value\":"u8).Text(WireTypes.PublishedVersion)
            .Raw("}\n{\"type\":\"lk-hello\",\"uuid\":\"lk-hello\",\"version\":"u8).Text(WireTypes.ProductVersion)
            .Raw(",\"wire\":"u8).Integer(WireTypes.Wire).Raw(",\"nonce\":"u8).Text(_nonce).Raw("}\n"u8));
        sender.Flush();
    }

    /// <summary>Takes an answer to that.</summary>
    /// <returns>False when the broker cannot be used.</returns>
    public bool TryTake(in WireMessage message)
    {
        if (message.Type.TextEquals("lk-challenge"u8))
            return TryProve(message.Nonce.GetText() ?? "");
        if (message.Type.TextEquals("lk-welcome"u8))
            return TryWelcome(in message);
        if (message.Type.TextEquals("lk-denied"u8))
            return Deny(message.Error.GetText() ?? "refused");
        return message.Error.IsMissing || TryStranger();
    }

    /// <summary>Takes a line that is no message: somebody else answers, and says what it is as far as its words tell.</summary>
    /// <returns>False when the broker cannot be used.</returns>
    public bool TryTake(ReadOnlySpan<byte> line)
    {
        if (line is [(byte)'-', >= (byte)'A' and <= (byte)'Z', ..] or [(byte)'+', ..])
            return Deny("a Redis server answers there, not a broker; set type to redis, or give the broker's port");
        if (line.StartsWith("HTTP/"u8))
            return Deny("a web server answers there, not a broker; give the broker's port");
        return !line.StartsWith("SSH-"u8) || Deny("an SSH server answers there, not a broker; give the broker's port");
    }

    /// <summary>Lets those go on who wait for the broker.</summary>
    public void Complete() => _welcome.TrySetResult(Introduction);

    /// <summary>The connection has ended.</summary>
    public void End()
    {
        _welcome.TrySetException(new LockStoreException(
            $"The broker at {context.Address} closed the connection before it answered.", isTransient: true)
        {
            MayHaveBeenApplied = false,
        });

        // Whoever waited may have given up, and leaves the fault to nobody.
        _ = _welcome.Task.Exception;
    }

    private bool TryProve(string brokerNonce)
    {
        if (context.Secret is not { } secret)
            return Deny("it asks for a shared secret; set connection.secret");
        _brokerProof = SharedSecret.BrokerProof(secret, _nonce, brokerNonce);
        sender.Append(LineWriter.Begin().Raw("{\"type\":\"lk-auth\",\"uuid\":\"lk-hello\",\"mac\":"u8)
            .Text(SharedSecret.ClientProof(secret, _nonce, brokerNonce)).Raw("}\n"u8));
        sender.Flush();
        return true;
    }

    private bool TryWelcome(in WireMessage message)
    {
        if (context.Secret is not null
            && (_brokerProof is null || message.Mac.GetText() is not { } mac || !SharedSecret.AreSame(_brokerProof, mac)))
        {
            return Deny("it does not know the shared secret in connection.secret");
        }

        message.Wire.TryGetInteger(out long wire);
        Introduction = new Welcome(message.Version.GetText() ?? "", (int)wire);
        return IsIntroduced = true;
    }

    private bool TryStranger()
    {
        if (context.Secret is not null)
            return Deny("it is a published live-mutex broker, which knows no shared secret; remove connection.secret");
        Introduction = new Welcome("", 0);
        return IsStranger = IsIntroduced = true;
    }

    private bool Deny(string why)
    {
        _welcome.TrySetException(new LockStoreException($"The broker at {context.Address} cannot be used: {why}.", isTransient: false)
        {
            MayHaveBeenApplied = false,
        });
        return false;
    }
}

/// <summary>Who answered.</summary>
/// <param name="Version">The version of a broker of ours; empty for a published one.</param>
/// <param name="Wire">The version of our own messages; 0 for a published one.</param>
internal readonly record struct Welcome(string Version, int Wire);
