using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;

namespace Locking;

/// <summary>Opens connections: TCP or Unix socket, TLS, greeting, authentication.</summary>
internal sealed class MongoConnector(MongoClientSettings settings, TimeProvider time)
{
    private readonly ScramCredential? _credential = settings.Username is { } user ? new ScramCredential(user, settings.Password ?? "") : null;

    /// <summary>Connects and greets, without authentication.</summary>
    /// <exception cref="LockStoreException">Not reachable within the connect timeout, TLS refused, or no MongoDB that can be used.</exception>
    public Task<(MongoConnection Connection, MongoHello Hello)> GreetAsync(MongoEndpoint endpoint, CancellationToken cancellationToken) =>
        LimitAsync(endpoint, token => GreetCoreAsync(endpoint, 0, token), cancellationToken);

    /// <summary>Connects, greets and authenticates.</summary>
    /// <exception cref="LockStoreException">As <see cref="GreetAsync"/>, or the user name and password were refused.</exception>
    public Task<MongoConnection> ConnectAsync(MongoEndpoint endpoint, int generation, CancellationToken cancellationToken) =>
        LimitAsync(endpoint, token => ConnectCoreAsync(endpoint, generation, token), cancellationToken);

    private async Task<MongoConnection> ConnectCoreAsync(MongoEndpoint endpoint, int generation, CancellationToken cancellationToken)
    {
        (MongoConnection connection, _) = await GreetCoreAsync(endpoint, generation, cancellationToken).ConfigureAwait(false);
        try
        {
            if (_credential is not null) await ScramAuthenticator.AuthenticateAsync(connection, _credential, settings.AuthSource, cancellationToken).ConfigureAwait(false);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private async Task<(MongoConnection Connection, MongoHello Hello)> GreetCoreAsync(MongoEndpoint endpoint, int generation, CancellationToken cancellationToken)
    {
        MongoConnection connection = await OpenAsync(endpoint, generation, cancellationToken).ConfigureAwait(false);
        try
        {
            ReadOnlyMemory<byte> reply = await connection.ExchangeAsync("admin", MongoHello.Request(settings.AppName), cancellationToken).ConfigureAwait(false);
            return (connection, MongoHello.Parse(endpoint, reply.Span));
        }
        catch (LockStoreException e) when (settings.Tls is null && e.MayHaveBeenApplied)
        {
            // A server that expects TLS takes the greeting for garbage and closes the connection without a word.
            connection.Dispose();
            throw MongoFailure.Create($"{e.Message} If the server expects TLS, set connection.tls (or tls=true in the URI).", e.IsTransient, mayHaveRun: false, e.InnerException);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private async Task<MongoConnection> OpenAsync(MongoEndpoint endpoint, int generation, CancellationToken cancellationToken)
    {
        Socket socket = endpoint.IsUnixSocket
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            EndPoint target = endpoint.IsUnixSocket ? new UnixDomainSocketEndPoint(endpoint.Host) : new DnsEndPoint(endpoint.Host, endpoint.Port);
            await socket.ConnectAsync(target, cancellationToken).ConfigureAwait(false);
            Stream stream = new NetworkStream(socket, ownsSocket: true);
            if (settings.Tls is { } tls) stream = await SecureAsync(stream, endpoint, tls, cancellationToken).ConfigureAwait(false);
            return new MongoConnection(stream, socket, endpoint) { Generation = generation };
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task<Stream> SecureAsync(Stream stream, MongoEndpoint endpoint, MongoTls tls, CancellationToken cancellationToken)
    {
        var secure = new SslStream(stream);
        try
        {
            await secure.AuthenticateAsClientAsync(tls.ForHost(endpoint.Host), cancellationToken).ConfigureAwait(false);
            return secure;
        }
        catch (Exception e) when (e is AuthenticationException or IOException)
        {
            await secure.DisposeAsync().ConfigureAwait(false);
            // Nobody's certificate heals by waiting; a connection that was cut may.
            throw MongoFailure.Create(
                $"TLS with {endpoint} failed: {e.Message} Check that the server uses TLS, and tlsCAFile and the host name.", isTransient: e is IOException, mayHaveRun: false, e);
        }
    }

    private async Task<T> LimitAsync<T>(MongoEndpoint endpoint, Func<CancellationToken, Task<T>> open, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(settings.ConnectTimeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            return await open(both.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw MongoFailure.Create(
                $"{endpoint} did not finish connecting within connectTimeout ({settings.ConnectTimeout.TotalMilliseconds:0} ms).{(settings.Tls is null ? "" : " TLS is on: does the server use it?")}", isTransient: true, mayHaveRun: false, e);
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            throw MongoFailure.Create($"Cannot connect to {endpoint}: {e.Message}", isTransient: true, mayHaveRun: false, e);
        }
        catch (LockStoreException e) when (e.MayHaveBeenApplied)
        {
            // The greeting changes nothing, so no command of the caller can have run.
            throw MongoFailure.Create(e.Message, e.IsTransient, mayHaveRun: false, e.InnerException);
        }
    }
}
