namespace Locking;

/// <summary>What a published broker says.</summary>
internal sealed partial class BrokerConnection
{
    private void OnPublished(in WireMessage message) => _welcome.TrySetResult(default);
}
