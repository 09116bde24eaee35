using System.Security.Authentication;
using System.Security.Cryptography;
using Grpc.Core;

namespace Locking;

/// <summary>What a failed call means.</summary>
internal static class EtcdFaults
{
    /// <summary>An answer that a step expects: a lease that is there already, or is not there.</summary>
    public static bool IsAnswer(RpcException exception) =>
        exception.Status.Detail is "etcdserver: lease already exists" or "etcdserver: requested lease not found";

    /// <summary>The log-in has ended, or the rights have changed since.</summary>
    public static bool WantsLogin(RpcException exception) =>
        exception.Status.Detail is "etcdserver: invalid auth token" or "etcdserver: revision of auth store is old";

    /// <summary>No answer within the limit.</summary>
    public static LockStoreException Silence(Uri member, TimeSpan limit, Exception exception) =>
        new($"The etcd member {member} did not answer within {limit.TotalMilliseconds:0} ms.", isTransient: true, exception);

    /// <summary>Says it in words.</summary>
    public static LockStoreException Of(RpcException exception, Uri member)
    {
        string detail = exception.Status.Detail;
        return exception.StatusCode switch
        {
            StatusCode.PermissionDenied =>
                Refused(exception, member, "its user has no right to the keys: docs/etcd.md has the rights that a role needs"),
            StatusCode.Unauthenticated or StatusCode.InvalidArgument or StatusCode.FailedPrecondition or StatusCode.NotFound
                or StatusCode.OutOfRange => Refused(exception, member, OfLogin(detail) ?? detail),
            StatusCode.Unimplemented => Refused(exception, member, "it does not speak etcd's v3 API"),
            StatusCode.ResourceExhausted when detail.StartsWith("etcdserver: mvcc", StringComparison.Ordinal) =>
                Refused(exception, member, "its database is full (alarm NOSPACE): compact, defragment, and disarm the alarm"),
            _ when exception.Status.DebugException is HttpRequestException http => OfConnection(exception, http, member),
            StatusCode.Unavailable when detail == "etcdserver: no leader" => Passing(exception, member,
                "has no leader: an election is under way, or the cluster has lost its quorum", applied: false),
            _ => Passing(exception, member, $"failed: {detail}", applied: exception.StatusCode != StatusCode.ResourceExhausted),
        };
    }

    private static string? OfLogin(string detail) => detail switch
    {
        "etcdserver: user name is empty" => "it asks for a user: set connection.username and connection.password",
        "etcdserver: authentication failed, invalid user ID or password" => "it does not know this user, or the password is wrong",
        "etcdserver: authentication is not enabled" => "a user is configured, but authentication is not enabled there",
        _ => null,
    };

    private static LockStoreException OfConnection(RpcException exception, HttpRequestException http, Uri member)
    {
        Exception cause = http.GetBaseException();
        string why = cause.Message.TrimEnd('.');
        return http.HttpRequestError switch
        {
            _ when cause is AuthenticationException or CryptographicException => Refused(exception, member,
                $"no TLS with it, since one side does not trust the other's certificate, or wants one (connection.certFile): {why}"),
            HttpRequestError.SecureConnectionError => Passing(exception, member,
                $"broke off the TLS handshake: {why}. If it speaks plainly, do not set connection.tls", applied: false),
            HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError =>
                Passing(exception, member, $"cannot be reached: {why}", applied: false),
            _ => Passing(exception, member,
                $"broke off: {why}. If it speaks TLS, set connection.tls; if it wants a certificate, connection.certFile", applied: true),
        };
    }

    private static LockStoreException Refused(RpcException exception, Uri member, string why) =>
        new($"The etcd member {member} refused a request: {why}.", isTransient: false, exception) { MayHaveBeenApplied = false };

    private static LockStoreException Passing(RpcException exception, Uri member, string what, bool applied) =>
        new($"The etcd member {member} {what}.", isTransient: true, exception) { MayHaveBeenApplied = applied };
}
