namespace Locking;

/// <summary>Whether one client may ask for locks: from the start where the broker has no secret, else once it has shown that it knows
/// it.</summary>
internal sealed class SessionAccess(string? secret)
{
    private string? _nonce;
    private string _clientNonce = "";

    /// <summary>May ask for locks.</summary>
    public bool IsOpen { get; private set; } = secret is null;

    /// <summary>Was refused: nothing is answered any more, and the connection is closed soon.</summary>
    public bool IsRefused { get; private set; }

    /// <summary>The client introduces itself.</summary>
    /// <returns>The challenge it has to answer; null when it may come in as it is.</returns>
    public string? Challenge(string clientNonce)
    {
        if (secret is null)
        {
            IsOpen = true;
            return null;
        }

        _clientNonce = clientNonce;
        return _nonce = SharedSecret.NewNonce();
    }

    /// <summary>The client answers the challenge.</summary>
    /// <param name="mac">What it has made of the challenge and the secret.</param>
    /// <param name="proof">That the broker knows the secret, too.</param>
    /// <returns>Whether it knows the secret.</returns>
    public bool TryProve(string? mac, out string proof)
    {
        proof = "";
        if (secret is null || _nonce is not { } nonce || mac is null
            || !SharedSecret.AreSame(SharedSecret.ClientProof(secret, _clientNonce, nonce), mac))
            return false;
        IsOpen = true;
        proof = SharedSecret.BrokerProof(secret, _clientNonce, nonce);
        return true;
    }

    /// <summary>May not come in.</summary>
    /// <returns>False when that was so already.</returns>
    public bool Refuse()
    {
        if (IsRefused)
            return false;
        (IsOpen, IsRefused) = (false, true);
        return true;
    }
}
