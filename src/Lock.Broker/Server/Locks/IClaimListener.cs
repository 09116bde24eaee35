namespace Locking;

/// <summary>Who hears of claims: one client's connection.</summary>
internal interface IClaimListener
{
    /// <summary>The claim belongs to it from now on.</summary>
    void Remember(BrokerClaim claim);

    /// <summary>The claim is over or belongs to another one.</summary>
    void Forget(BrokerClaim claim);

    /// <summary>Tells the client; never waits for it.</summary>
    void Send(LineWriter line);
}
