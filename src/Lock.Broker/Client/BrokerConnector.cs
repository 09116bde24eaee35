using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>Makes a connection: connects, starts a broker where that is asked for, and introduces.</summary>
/// <param name="context">Where the broker is.</param>
/// <param name="connectTimeout">How long all of that may take.</param>
/// <param name="launcher">Starts a broker when nobody listens; null: that is not asked for.</param>
/// <param name="logger">Is told who answers.</param>
internal sealed partial class BrokerConnector(ClientContext context, TimeSpan connectTimeout, BrokerLauncher? launcher, ILogger logger)
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan s_launchPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_shortestTry = TimeSpan.FromMilliseconds(50);

    private bool _hasTold;

    /// <summary>Connects and is welcomed, within the time for it; starts a broker if nothing listens and that is asked for.</summary>
    /// <param name="onEnded">Told when the connection ends.</param>
    /// <param name="disposing">The client is disposed.</param>
    /// <exception cref="LockStoreException">There is no broker, or it refuses this client.</exception>
    public async Task<OpenConnection> OpenAsync(Action<BrokerConnection, string> onEnded, CancellationToken disposing)
    {
        long began = context.Time.GetTimestamp();
        bool again = false;
        long? launchedAt = null;
        while (true)
        {
            TimeSpan left = connectTimeout - context.Time.GetElapsedTime(began);
            try
            {
                return await OpenOnceAsync(left > s_shortestTry ? left : s_shortestTry, onEnded, disposing).ConfigureAwait(false);
            }
            catch (SocketException e) when (context.Address.Explain() is null && IsNobodyThere(e))
            {
                launchedAt = LaunchWhereNobodyIs(e, left, launchedAt);
            }
            catch (LockStoreException e) when (e.IsTransient && (launchedAt is not null || !again)
                && connectTimeout > context.Time.GetElapsedTime(began))
            {
                again = true;

                // One that ended as we came; the next one is being started by somebody, or by us. Where we start none, one more look.
            }
            catch (SocketException e)
            {
                throw context.Address.Explain() is { } wrong
                    ? new LockStoreException($"There can be no broker at {context.Address}: {wrong}.", isTransient: false, e)
                    {
                        MayHaveBeenApplied = false,
                    }
                    : ClientContext.NotThere($"The broker at {context.Address} cannot be reached: {e.Message}", e);
            }

            await Task.Delay(s_pause, context.Time, disposing).ConfigureAwait(false);
        }
    }

    private long LaunchWhereNobodyIs(SocketException e, TimeSpan left, long? launchedAt)
    {
        if (launcher is null)
        {
            throw ClientContext.NotThere(
                $"No broker listens at {context.Address}. Start one with 'lock broker', or set connection.launch.", e);
        }

        if (left <= TimeSpan.Zero)
        {
            throw ClientContext.NotThere($"A broker was started, but it does not listen at {context.Address} within "
                + $"{connectTimeout.TotalMilliseconds} ms (connection.connectTimeout). Run the same 'lock broker' by hand to see why.", e);
        }

        // Again after a while: the one that was started may have met another that was just ending, and left the place to it.
        if (launchedAt is { } at && context.Time.GetElapsedTime(at) < s_launchPause)
            return at;
        launcher.Launch(context.Address, context.Secret);
        return context.Time.GetTimestamp();
    }

    private async Task<OpenConnection> OpenOnceAsync(TimeSpan limit, Action<BrokerConnection, string> onEnded, CancellationToken disposing)
    {
        using var time = new CancellationTokenSource(limit, context.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(time.Token, disposing);
        BrokerConnection? connection = null;
        try
        {
            Socket socket = await context.Address.ConnectAsync(context.NoDelay, either.Token).ConfigureAwait(false);
            connection = new BrokerConnection(context, socket, onEnded);
            connection.Greet();
            connection.Read();
            Welcome welcome = await connection.Welcomed.WaitAsync(either.Token).ConfigureAwait(false);
            Notice(welcome);
            return new OpenConnection(connection);
        }
        catch (OperationCanceledException e)
        {
            connection?.Cut();
            disposing.ThrowIfCancellationRequested();
            throw ClientContext.NotThere($"The broker at {context.Address} did not answer within {connectTimeout.TotalMilliseconds} ms "
                + "(connection.connectTimeout).", e);
        }
    }

    private void Notice(Welcome welcome)
    {
        if (welcome.Wire == WireTypes.Wire && welcome.Version == WireTypes.ProductVersion)
            return;
        if (Interlocked.Exchange(ref _hasTold, true))
            return;
        if (welcome.Wire == 0)
            LogPublished(context.Address);
        else
            LogOtherVersion(context.Address, welcome.Version, WireTypes.ProductVersion);
    }

    private static bool IsNobodyThere(SocketException e) => e.SocketErrorCode
        is SocketError.ConnectionRefused or SocketError.AddressNotAvailable or SocketError.HostNotFound || e.ErrorCode == 2;

    [LoggerMessage(23, LogLevel.Warning, "The broker at {Address} is a published live-mutex broker: no fencing tokens, no extending, no "
        + "owner, and it may grant a lock twice when clients come and go.")]
    private partial void LogPublished(BrokerAddress address);

    [LoggerMessage(24, LogLevel.Warning, "The broker at {Address} is version {Running}, this client is {Own}: what both know is used. "
        + "Restart the broker to use the rest.")]
    private partial void LogOtherVersion(BrokerAddress address, string running, string own);
}
