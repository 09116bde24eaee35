using System.Net;
using System.Net.Sockets;
using Grpc.Net.Client;
using Locking.Etcd;

namespace Locking;

/// <summary>One member of the cluster. Connects with the first call.</summary>
internal sealed class EtcdMember : IDisposable
{
    private static readonly TimeSpan s_pingEvery = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_pingLimit = TimeSpan.FromSeconds(5);
    private readonly GrpcChannel _channel;

    public EtcdMember(Uri address, EtcdSettings settings)
    {
        Address = address;
        _channel = GrpcChannel.ForAddress(address, new GrpcChannelOptions
        {
            HttpHandler = HandlerFor(settings), DisposeHttpClient = true, ThrowOperationCanceledOnCancellation = true,
        });
        Kv = new KV.KVClient(_channel);
        Leases = new Etcd.Lease.LeaseClient(_channel);
        Watches = new Watch.WatchClient(_channel);
        Auth = new Auth.AuthClient(_channel);
        Cluster = new Cluster.ClusterClient(_channel);
        Maintenance = new Maintenance.MaintenanceClient(_channel);
    }

    public Uri Address { get; }

    public KV.KVClient Kv { get; }

    public Etcd.Lease.LeaseClient Leases { get; }

    public Watch.WatchClient Watches { get; }

    public Auth.AuthClient Auth { get; }

    public Cluster.ClusterClient Cluster { get; }

    public Maintenance.MaintenanceClient Maintenance { get; }

    public void Dispose() => _channel.Dispose();

    private static SocketsHttpHandler HandlerFor(EtcdSettings settings)
    {
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            EnableMultipleHttp2Connections = true,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            ConnectTimeout = settings.ConnectTimeout,

            // A member that froze is found out where nothing is asked of it; etcd hangs up on who pings more often than every five seconds.
            KeepAlivePingDelay = s_pingEvery,
            KeepAlivePingTimeout = s_pingLimit,

            // With a connection of our own making the channel tries at every call, and does not refuse calls after one that failed.
            ConnectCallback = static (context, stop) => ConnectAsync(context.DnsEndPoint, stop),
        };
        if (settings.Tls is not null)
            handler.SslOptions = settings.Tls;
        return handler;
    }

    private static async ValueTask<Stream> ConnectAsync(EndPoint member, CancellationToken stop)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(member, stop).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
