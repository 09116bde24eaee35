using Grpc.Core;
using Locking.Etcd;

namespace Locking;

/// <summary>Calls one member of the cluster at a time: the next one when it fails.</summary>
internal sealed class EtcdClient : IDisposable
{
    /// <summary>A member that has lost sight of the leader says so at once, and hangs up on watches.</summary>
    private static readonly Metadata.Entry s_needsLeader = new("hasleader", "true");
    private readonly EtcdSettings _settings;
    private readonly TimeProvider _clock;
    private readonly EtcdMember[] _members;
    private readonly CancellationTokenSource _disposing = new();
    private readonly SemaphoreSlim _login = new(1);
    private CancellationTokenSource _leaving = new();
    private volatile Metadata? _headers;
    private int _current;

    public EtcdClient(EtcdSettings settings, TimeProvider clock)
    {
        _settings = settings;
        _clock = clock;
        _members = [.. settings.Members.Select(address => new EtcdMember(address, settings))];
        _headers = settings.Username is null ? [s_needsLeader] : null;
    }

    public IReadOnlyList<EtcdMember> Members => _members;

    /// <summary>Whether it says who it is, by a password or a certificate.</summary>
    public bool ShowsItself => _settings.Username is not null || _settings.Tls?.ClientCertificates is not null;

    /// <summary>Makes one call, within the limit. A member that surely has not got it is passed over.</summary>
    /// <exception cref="RpcException">An answer (<see cref="EtcdFaults.IsAnswer"/>).</exception>
    /// <exception cref="LockStoreException">No answer.</exception>
    public async ValueTask<T> CallAsync<T>(Func<EtcdMember, CallOptions, Task<T>> call, CancellationToken stop, EtcdMember? only = null)
    {
        stop.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(_disposing.IsCancellationRequested, typeof(ILockStore));
        using var limit = new CancellationTokenSource(_settings.CommandTimeout, _clock);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token, _disposing.Token);
        for (int tries = 1, logins = 0; ; tries++)
        {
            int index = Volatile.Read(ref _current);
            EtcdMember member = only ?? _members[index];
            Metadata? headers = null;
            try
            {
                headers = await HeadersAsync(member, end.Token).ConfigureAwait(false);
                return await call(member, new CallOptions(headers, cancellationToken: end.Token)).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                throw new OperationCanceledException(stop);
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                Leave(index);
                throw EtcdFaults.Silence(member.Address, _settings.CommandTimeout, exception);
            }
            catch (RpcException exception) when (EtcdFaults.WantsLogin(exception) && logins++ == 0)
            {
                Interlocked.CompareExchange(ref _headers, null, headers);
            }
            catch (RpcException exception) when (!EtcdFaults.IsAnswer(exception))
            {
                LockStoreException meaning = EtcdFaults.Of(exception, member.Address);
                if (meaning.IsTransient && exception.Status.Detail != "etcdserver: leader changed")
                    Leave(index);
                if (!meaning.IsTransient || meaning.MayHaveBeenApplied || only is not null || tries >= _members.Length)
                    throw meaning;
            }
        }
    }

    /// <summary>Opens a stream to the current member, which ends when that is left, or the client disposed.</summary>
    public async Task<T> OpenAsync<T>(Func<EtcdMember, CallOptions, T> open)
    {
        CancellationToken leaving = Volatile.Read(ref _leaving).Token;
        EtcdMember member = _members[Volatile.Read(ref _current)];
        return open(member, new CallOptions(await HeadersAsync(member, leaving).ConfigureAwait(false), cancellationToken: leaving));
    }

    public void Dispose()
    {
        _disposing.Cancel();
        Volatile.Read(ref _leaving).Cancel();
        foreach (EtcdMember member in _members)
            member.Dispose();
    }

    /// <summary>Goes on to the next member, if nobody else has, and ends what hangs on this one.</summary>
    private void Leave(int index)
    {
        if (Interlocked.CompareExchange(ref _current, (index + 1) % _members.Length, index) == index)
            _ = Interlocked.Exchange(ref _leaving, new CancellationTokenSource()).CancelAsync();
    }

    private async ValueTask<Metadata> HeadersAsync(EtcdMember member, CancellationToken stop)
    {
        if (_headers is { } known)
            return known;
        await _login.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            if (_headers is { } since)
                return since;
            var login = new AuthenticateRequest { Name = _settings.Username, Password = _settings.Password ?? "" };
            var options = new CallOptions([s_needsLeader], cancellationToken: stop);
            AuthenticateResponse reply = await member.Auth.AuthenticateAsync(login, options).ConfigureAwait(false);
            return _headers = [s_needsLeader, new Metadata.Entry("token", reply.Token)];
        }
        finally
        {
            _login.Release();
        }
    }
}
