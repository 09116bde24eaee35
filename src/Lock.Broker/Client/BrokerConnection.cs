using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;

namespace Locking;

/// <summary>One connection of a client to a broker, shared by all keys: requests are numbered, answers come in any order.</summary>
[SuppressMessage("Design", "CA1001", Justification = "What it owns is disposed of when the connection ends, by whoever reads.")]
internal sealed partial class BrokerConnection : LineConnection
{
    private const int LongestAnswer = 1024 * 1024;
    private const int UnsentRequests = 64 * 1024 * 1024;

    private static readonly TimeSpan _farewell = TimeSpan.FromSeconds(1);

    private readonly BrokerClient _client;
    private readonly Lock _gate = new();
    private readonly Dictionary<long, PendingAnswer> _pending = [];
    private readonly LineWriter _writer = new();
    private readonly TaskCompletionSource<Welcome> _welcome = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _nonce = SharedSecret.NewNonce();
    private readonly ITimer _watch;
    private readonly bool _isRenewalLine;
    private RenewalLine? _renewals;
    private string? _brokerProof;
    private volatile bool _ended;
    private volatile bool _hangsUp;
    private bool _isWatching;
    private long _lastHeard;

    /// <summary>Takes a connection over.</summary>
    /// <param name="client">Whose connection it is.</param>
    /// <param name="socket">A connected socket.</param>
    /// <param name="isRenewalLine">Whether it is for renewals alone (<see cref="RenewalLine"/>): its end says nothing about the others.</param>
    public BrokerConnection(BrokerClient client, Socket socket, bool isRenewalLine = false)
        : base(socket, LongestAnswer, UnsentRequests)
    {
        _client = client;
        _isRenewalLine = isRenewalLine;
        _arrival = new Arrival(this);
        _flusher = new Flusher(Output);
        _lastHeard = Time.GetTimestamp();
        _watch = Time.CreateTimer(static s => ((BrokerConnection)s!).Watch(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>That what is held over this connection outlives it.</summary>
    private static ReadOnlySpan<byte> Stay => "{\"type\":\"lk-stay\"}\n"u8;

    /// <summary>What the broker introduced itself as.</summary>
    public Task<Welcome> Welcomed => _welcome.Task;

    /// <summary>The same, on a connection that was welcomed.</summary>
    public Welcome Introduction { get; private set; }

    /// <summary>The broker is one of the published ones: it lacks what our own messages add.</summary>
    public bool IsPublished { get; private set; }

    public bool HasEnded => _ended;

    private TimeProvider Time => _client.Time;

    /// <summary>Introduces this side; the broker's answer is in <see cref="Welcomed"/>.</summary>
    public void Greet()
    {
        lock (_gate)
        {
            Send(_writer.Clear().Raw("{\"type\":\"version\",\"value\":"u8).Text(WireTypes.PublishedVersion)
                .Raw("}\n{\"type\":\"lk-hello\",\"uuid\":\"lk-hello\",\"version\":"u8).Text(WireTypes.ProductVersion)
                .Raw(",\"wire\":"u8).Integer(WireTypes.Wire).Raw(",\"nonce\":"u8).Text(_nonce).Raw("}\n"u8));
        }

        Output.Flush();
    }

    /// <summary>Sends a request. Answered by <see cref="AnswerKind.Lost"/> when the connection ends first, unless it waits in a queue:
    /// then the client asks again on the next connection.</summary>
    /// <param name="pending">The request.</param>
    /// <param name="compose">Composes its line.</param>
    /// <param name="state">For <paramref name="compose"/>.</param>
    public void Ask<T>(PendingAnswer pending, Action<LineWriter, long, T> compose, T state)
    {
        lock (_gate)
        {
            if (!_ended)
            {
                pending.SentAt = Time.GetTimestamp();
                pending.IsQueued = false;
                _pending[pending.Number] = pending;
                compose(_writer.Clear(), pending.Number, state);
                Send(_writer);
                WatchUnsynchronized();
                pending = null!;
            }
        }

        if (pending is null)
            FlushSoon();
        else if (!pending.Waits)
            pending.TrySetResult(default);
    }

    /// <summary>Asks for a renewal on the line that is for renewals alone.</summary>
    /// <returns>False where there is none: it is to be asked for here.</returns>
    public bool TryRenew(PendingAnswer pending, Action<BrokerConnection, PendingAnswer> ask)
    {
        if (IsPublished || _ended)
            return false;
        var renewals = Volatile.Read(ref _renewals);
        if (renewals is null)
        {
            var made = new RenewalLine(_client);
            renewals = Interlocked.CompareExchange(ref _renewals, made, null) ?? made;
            if (renewals == made)
                renewals.Open();
            if (_ended)
                renewals.End(); // it may not have been seen
        }

        return renewals.TryAsk(pending, ask);
    }

    /// <summary>Sends a line that is not answered.</summary>
    public void Tell<T>(Action<LineWriter, long, T> compose, long number, T state)
    {
        lock (_gate)
        {
            if (_ended)
                return;
            compose(_writer.Clear(), number, state);
            Send(_writer);
        }

        Output.Flush();
    }

    /// <summary>Nobody waits for that answer any more.</summary>
    public void Forget(PendingAnswer pending)
    {
        lock (_gate)
        {
            _pending.Remove(pending.Number);
            if (IsPublished && pending.Acquire is { } request && _publishedLocks.GetValueOrDefault(request.HolderId) == pending)
                _publishedLocks.Remove(request.HolderId);
        }
    }

    /// <summary>Closes this side properly: all that was sent arrives, and the other side sees that we went by ourselves.</summary>
    public async Task HangUpAsync()
    {
        try
        {
            _hangsUp = true;
            Output.Flush();
            await Output.WhenDrainedAsync().WaitAsync(_farewell, Time).ConfigureAwait(false);
            Socket.Shutdown(SocketShutdown.Send);
            await Closed.WaitAsync(_farewell, Time).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or SocketException or ObjectDisposedException)
        {
            Cut();
        }
    }

    /// <summary>Ends the connection without giving up what is held over it: the broker is told so, since on a Unix socket the end
    /// itself looks the same either way.</summary>
    public void Abandon()
    {
        if (!IsPublished)
        {
            lock (_gate)
                Output.Append(Stay);
            Output.Flush();
        }

        Cut();
    }

    protected override void OnLine(ReadOnlySpan<byte> line)
    {
        if (WireMessage.Parse(line, out var message) != WireLine.Message)
        {
            if (!_welcome.Task.IsCompleted && !IsPublished)
                Recognize(line);
            return;
        }

        if (!_welcome.Task.IsCompleted && !IsPublished)
            OnGreeting(in message);
        else if (IsPublished)
            OnPublished(in message);
        else
            OnOwn(in message);
    }

    protected override void OnEnded(ConnectionEnd end, string why)
    {
        List<PendingAnswer> pending;
        lock (_gate)
        {
            _ended = true;
            pending = [.. _pending.Values];
            _pending.Clear();
            _publishedLocks.Clear();
        }

        // It may be somebody in between who closed it, and not the broker, which would then take our end for ours.
        if (end == ConnectionEnd.Closed && _welcome.Task.IsCompletedSuccessfully && !IsPublished && !_hangsUp)
            Output.Append(Stay);
        _watch.Dispose();
        _welcome.TrySetException(new LockStoreException(
            $"The broker at {_client.Address} closed the connection before it answered.", isTransient: true) { MayHaveBeenApplied = false });
        // Whoever waited may have given up, and leaves the fault to nobody.
        _ = _welcome.Task.Exception;
        Volatile.Read(ref _renewals)?.End();
        if (!_isRenewalLine)
            _client.OnEnded(this, why);
        foreach (var one in pending)
        {
            if (!one.Waits)
                one.TrySetResult(default);
        }
    }

    private void OnGreeting(in WireMessage message)
    {
        if (message.Type.TextEquals("lk-challenge"u8))
            Prove(message.Nonce.GetText() ?? "");
        else if (message.Type.TextEquals("lk-welcome"u8))
            OnWelcome(in message);
        else if (message.Type.TextEquals("lk-denied"u8))
            Deny(message.Error.GetText() ?? "refused");
        else if (!message.Error.IsMissing)
            OnStranger();
    }

    private void Prove(string brokerNonce)
    {
        if (_client.Secret is not { } secret)
        {
            Deny("it asks for a shared secret; set connection.secret");
            return;
        }

        _brokerProof = SharedSecret.BrokerProof(secret, _nonce, brokerNonce);
        lock (_gate)
        {
            Send(_writer.Clear().Raw("{\"type\":\"lk-auth\",\"uuid\":\"lk-hello\",\"mac\":"u8)
                .Text(SharedSecret.ClientProof(secret, _nonce, brokerNonce)).Raw("}\n"u8));
        }

        Output.Flush();
    }

    private void OnWelcome(in WireMessage message)
    {
        if (_client.Secret is not null
            && (_brokerProof is null || message.Mac.GetText() is not { } mac || !SharedSecret.AreSame(_brokerProof, mac)))
        {
            Deny("it does not know the shared secret in connection.secret");
            return;
        }

        message.Wire.TryGetInteger(out var wire);
        Introduction = new Welcome(message.Version.GetText() ?? "", (int)wire);
        _welcome.TrySetResult(Introduction);
    }

    /// <summary>A broker that does not know our greeting is a published one.</summary>
    private void OnStranger()
    {
        if (_client.Secret is not null)
        {
            Deny("it is a published live-mutex broker, which knows no shared secret; remove connection.secret");
            return;
        }

        IsPublished = true;
        Introduction = new Welcome("", 0);
        _welcome.TrySetResult(Introduction);
    }

    /// <summary>Somebody else answers: what it is, as far as its words tell.</summary>
    private void Recognize(ReadOnlySpan<byte> line)
    {
        string? what = null;
        if (line is [(byte)'-', >= (byte)'A' and <= (byte)'Z', ..] or [(byte)'+', ..])
            what = "a Redis server answers there, not a broker; set type to redis, or give the broker's port";
        else if (line.StartsWith("HTTP/"u8))
            what = "a web server answers there, not a broker; give the broker's port";
        else if (line.StartsWith("SSH-"u8))
            what = "an SSH server answers there, not a broker; give the broker's port";
        if (what is not null)
            Deny(what);
    }

    private void Deny(string why)
    {
        _welcome.TrySetException(new LockStoreException($"The broker at {_client.Address} cannot be used: {why}.", isTransient: false)
        {
            MayHaveBeenApplied = false,
        });
        Abandon();
    }

    private void Send(LineWriter line)
    {
        if (!Output.Append(line.Written))
            Cut();
    }

    /// <summary>A broker that leaves a request unanswered for too long hangs or is out of reach: the connection is given up, and with it
    /// what waits; a new one shows what is true.</summary>
    private void Watch()
    {
        var late = false;
        var quiet = false;
        lock (_gate)
        {
            _isWatching = false;
            if (_ended)
                return;
            var now = Time.GetTimestamp();
            foreach (var one in _pending.Values)
                late |= !one.IsQueued && Time.GetElapsedTime(one.SentAt, now) >= _client.CommandTimeout;
            if (!late && IsPublished)
                AskPublishedAgainUnsynchronized(now);
            quiet = !IsPublished && _pending.Count > 0 && Time.GetElapsedTime(Volatile.Read(ref _lastHeard), now) >= BrokerClient.QuietTime;
            if (!late)
                WatchUnsynchronized();
        }

        Output.Flush();
        if (late)
            Abandon();
        else if (quiet)
            Ping();
    }

    private void WatchUnsynchronized()
    {
        if (_isWatching || _pending.Count == 0)
            return;
        _isWatching = true;
        _watch.Change(IsPublished ? _shortestRepeat : _client.WatchPeriod, Timeout.InfiniteTimeSpan);
    }
}

/// <summary>Who answered.</summary>
/// <param name="Version">The version of a broker of ours; empty for a published one.</param>
/// <param name="Wire">The version of our own messages; 0 for a published one.</param>
internal readonly record struct Welcome(string Version, int Wire);
