using System.Net.Sockets;

namespace Locking;

/// <summary>A second connection to the same broker, for renewals alone, which a thread of its own makes and reads.</summary>
/// <remarks>
/// What a program reads over the runtime's sockets is told on the thread pool: with the pool blocked by other work no renewal would be
/// answered. A lease is extended by its id from anywhere, so that the connection that holds it is not needed for that. Made with the first
/// renewal, since most leases never have one, and ended with the connection it belongs to: another one may meet another broker, to which
/// that connection first shows what it holds.
/// </remarks>
internal sealed class RenewalLine(ClientContext context)
{
    private readonly Lock _gate = new();
    private readonly List<(PendingAnswer Pending, Action<IBrokerDialect, PendingAnswer> Ask)> _early = [];
    private BrokerConnection? _connection;
    private bool _isReady;
    private bool _hasEnded;

    /// <summary>Begins to connect.</summary>
    public void Open()
    {
        Thread reader = new(Run) { IsBackground = true, Name = "Lock broker renewals", Priority = ThreadPriority.AboveNormal };
        reader.UnsafeStart();
    }

    /// <summary>Asks, as soon as the line is there.</summary>
    /// <returns>False when it cannot be used.</returns>
    public bool TryAsk(PendingAnswer pending, Action<IBrokerDialect, PendingAnswer> ask)
    {
        BrokerConnection connection;
        lock (_gate)
        {
            if (_hasEnded)
                return false;
            if (!_isReady)
            {
                _early.Add((pending, ask));
                return true;
            }

            connection = _connection!;
        }

        ask(connection.Dialect, pending);
        return true;
    }

    /// <summary>Closes the line.</summary>
    public void End()
    {
        BrokerConnection? connection;
        lock (_gate)
        {
            _hasEnded = true;
            connection = _connection;
        }

        connection?.Cut();
    }

    private void Run()
    {
        try
        {
            var connection = new BrokerConnection(context, context.Address.Connect(context.NoDelay), onEnded: null);
            bool isWanted;
            lock (_gate)
            {
                _connection = connection;
                isWanted = !_hasEnded;
            }

            if (!isWanted)
                connection.Cut();
            connection.Greet();
            while (connection.ReadHere())
            {
                if (!_isReady && connection.Welcomed.IsCompletedSuccessfully)
                    BeReady(connection);
            }
        }
        catch (Exception e) when (e is SocketException or LockStoreException or ObjectDisposedException)
        {
            // Renewals are asked for on the connection itself from now on.
        }

        lock (_gate)
            _hasEnded = true;

        // Not answered: they are asked again, over the connection itself.
        foreach ((PendingAnswer? pending, Action<IBrokerDialect, PendingAnswer> _) in _early)
        {
            if (pending.TryDecide(default))
                pending.GoOnWithoutThePool();
        }
    }

    private void BeReady(BrokerConnection connection)
    {
        while (true)
        {
            (PendingAnswer Pending, Action<IBrokerDialect, PendingAnswer> Ask)[] early;
            lock (_gate)
            {
                early = [.. _early];
                _early.Clear();
                _isReady |= early.Length == 0;
            }

            if (early.Length == 0)
                return;
            foreach ((PendingAnswer? pending, Action<IBrokerDialect, PendingAnswer>? ask) in early)
                ask(connection.Dialect, pending);
        }
    }
}
