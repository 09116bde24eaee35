using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>How a connection is made: connect, start a broker where that is asked for, introduce, reclaim, ask again for what waits.</summary>
internal sealed partial class BrokerClient
{
    private async Task<OpenConnection> EstablishAsync()
    {
        try
        {
            var opened = await OpenAsync().ConfigureAwait(false);
            var connection = opened.Connection;
            await ReclaimAsync(connection).ConfigureAwait(false);
            PendingAnswer[] waiting;
            lock (_gate)
            {
                _connecting = null;
                if (_isDisposed || connection.HasEnded)
                {
                    connection.Cut();
                    throw NotThere($"The connection to the broker at {Address} ended at once.", null);
                }

                _connection = connection;
                waiting = [.. _waiting.Values];
            }

            foreach (var one in waiting)
                connection.AskAcquire(one);
            return opened;
        }
        catch
        {
            lock (_gate)
                _connecting = null;
            throw;
        }
    }

    /// <summary>Connects and is welcomed, within the time for it; starts a broker if nothing listens and that is asked for.</summary>
    private async Task<OpenConnection> OpenAsync()
    {
        var began = Time.GetTimestamp();
        var launched = false;
        var again = false;
        var launchedAt = 0L;
        while (true)
        {
            var left = _connectTimeout - Time.GetElapsedTime(began);
            try
            {
                return await OpenOnceAsync(left > _shortestTry ? left : _shortestTry).ConfigureAwait(false);
            }
            catch (SocketException e) when (Address.Explain() is { } wrong)
            {
                throw new LockStoreException($"There can be no broker at {Address}: {wrong}.", isTransient: false, e) { MayHaveBeenApplied = false };
            }
            catch (SocketException e) when (IsNobodyThere(e))
            {
                if (_launcher is null)
                    throw NotThere($"No broker listens at {Address}. Start one with 'lock broker', or set connection.launch.", e);
                if (left <= TimeSpan.Zero)
                {
                    throw NotThere($"A broker was started, but it does not listen at {Address} within {_connectTimeout.TotalMilliseconds} ms "
                        + "(connection.connectTimeout). Run the same 'lock broker' by hand to see why.", e);
                }

                // Again after a while: the one that was started may have met another that was just ending, and left the place to it.
                if (!launched || Time.GetElapsedTime(launchedAt) >= _launchPause)
                {
                    _launcher.Launch(Address, Secret);
                    launched = true;
                    launchedAt = Time.GetTimestamp();
                }
            }
            catch (LockStoreException e) when (e.IsTransient && (launched || !again) && _connectTimeout > Time.GetElapsedTime(began))
            {
                again = true;

                // One that ended as we came; the next one is being started by somebody, or by us. Where we start none, one more look.
            }
            catch (SocketException e)
            {
                throw NotThere($"The broker at {Address} cannot be reached: {e.Message}", e);
            }

            await Task.Delay(_firstPause, Time, _disposing.Token).ConfigureAwait(false);
        }
    }

    private async Task<OpenConnection> OpenOnceAsync(TimeSpan limit)
    {
        using var time = new CancellationTokenSource(limit, Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(time.Token, _disposing.Token);
        BrokerConnection? connection = null;
        try
        {
            var socket = await Address.ConnectAsync(_noDelay, either.Token).ConfigureAwait(false);
            connection = new BrokerConnection(this, socket);
            connection.Greet();
            connection.Read();
            var welcome = await connection.Welcomed.WaitAsync(either.Token).ConfigureAwait(false);
            Notice(welcome);
            return new OpenConnection(connection);
        }
        catch (OperationCanceledException e)
        {
            connection?.Cut();
            _disposing.Token.ThrowIfCancellationRequested();
            throw NotThere($"The broker at {Address} did not answer within {_connectTimeout.TotalMilliseconds} ms (connection.connectTimeout).", e);
        }
    }

    /// <summary>Asks for what this client believes to hold, before anything else is asked on a new connection.</summary>
    private async Task ReclaimAsync(BrokerConnection connection)
    {
        if (connection.IsPublished)
            return; // it releases what a connection held when that ends, and knows no reclaim
        var asked = new List<(HeldLease Lease, PendingAnswer Answer)>();
        foreach (var lease in Leases.Living())
        {
            var answer = new PendingAnswer(NextNumber(), null, waits: false);
            connection.AskReclaim(answer, lease, Leases.RemainingOf(lease));
            asked.Add((lease, answer));
        }

        foreach (var (lease, pending) in asked)
        {
            var answer = await pending.Answer.ConfigureAwait(false);
            if (answer.Kind == AnswerKind.Done)
                Leases.Reclaimed(lease.Request.HolderId, connection);
            var reason = answer.Kind switch
            {
                AnswerKind.Other => LostReason.HeldByAnother,
                AnswerKind.None => LostReason.Removed,
                _ => default(LostReason?),
            };
            if (reason is { } why && Leases.Remove(lease.Request.HolderId))
                OnLost(new StoreLoss(lease.Request.Key, lease.Request.HolderId, why));
        }
    }

    private void Notice(Welcome welcome)
    {
        if (welcome.Wire == WireTypes.Wire && welcome.Version == WireTypes.ProductVersion)
            return;
        lock (_gate)
        {
            if (_warned)
                return;
            _warned = true;
        }

        if (welcome.Wire == 0)
            LogPublished(Address);
        else
            LogOtherVersion(Address, welcome.Version, WireTypes.ProductVersion);
    }

    private static bool IsNobodyThere(SocketException e) => e.SocketErrorCode
        is SocketError.ConnectionRefused or SocketError.AddressNotAvailable or SocketError.HostNotFound || e.ErrorCode == 2;

    [LoggerMessage(23, LogLevel.Warning, "The broker at {Address} is a published live-mutex broker: no fencing tokens, no extending, no "
        + "owner, and it may grant a lock twice when clients come and go.")]
    private partial void LogPublished(BrokerAddress address);

    [LoggerMessage(24, LogLevel.Warning, "The broker at {Address} is version {Running}, this client is {Own}: what both know is used. Restart "
        + "the broker to use the rest.")]
    private partial void LogOtherVersion(BrokerAddress address, string running, string own);
}
