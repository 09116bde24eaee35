using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;

namespace Locking;

/// <summary>One connection of a client to a broker, shared by all keys: requests are numbered, answers come in any order.</summary>
[SuppressMessage("Design", "CA1001", Justification = "What it owns is disposed of when the connection ends, by whoever reads.")]
internal sealed class BrokerConnection : LineConnection
{
    private const int LongestAnswer = 1024 * 1024;
    private const int UnsentRequests = 64 * 1024 * 1024;

    private static readonly TimeSpan s_farewell = TimeSpan.FromSeconds(1);

    private readonly ClientContext _context;
    private readonly Action<BrokerConnection, string>? _onEnded;
    private readonly RequestSender _sender;
    private readonly OpenRequests _requests;
    private readonly AnsweredBatch _answered = new();
    private readonly AnswerReceiver _receiver;
    private readonly Greeting _greeting;
    private RenewalLine? _renewals;
    private volatile bool _hangsUp;

    /// <summary>Takes a connection over.</summary>
    /// <param name="context">What all connections of the client share.</param>
    /// <param name="socket">A connected socket.</param>
    /// <param name="onEnded">Told why it ended. Null for one that is for renewals alone (<see cref="RenewalLine"/>): its end says nothing
    /// about the others.</param>
    public BrokerConnection(ClientContext context, Socket socket, Action<BrokerConnection, string>? onEnded)
        : base(socket, LongestAnswer, UnsentRequests)
    {
        _context = context;
        _onEnded = onEnded;
        _sender = new RequestSender(Output, Cut);
        _requests = new OpenRequests(_sender, context.Time, Watch);
        _receiver = new AnswerReceiver(socket, Input, _answered, context.Time, OnReceived);
        _greeting = new Greeting(context, _sender);
        Number = context.NextConnection();
        Speak(new OwnDialect(context, _requests, _answered, Number));
    }

    /// <summary>Its number at its client.</summary>
    public long Number { get; }

    /// <summary>What the broker introduced itself as.</summary>
    public Task<Welcome> Welcomed => _greeting.Welcomed;

    /// <summary>The same, on a connection that was welcomed.</summary>
    public Welcome Introduction => _greeting.Introduction;

    /// <summary>How the broker is spoken to, on a connection that was welcomed.</summary>
    public IBrokerDialect Dialect { get; private set; }

    /// <summary>The broker is one of the published ones: it lacks what our own messages add.</summary>
    public bool IsPublished => _greeting.IsStranger;

    /// <summary>Whether it has ended.</summary>
    public bool HasEnded => _requests.HasEnded;

    /// <summary>Introduces this side; the broker's answer is in <see cref="Welcomed"/>.</summary>
    public void Greet() => _greeting.Begin();

    /// <summary>Begins to read.</summary>
    public void Read() => _receiver.Read();

    /// <summary>Reads on the calling thread, once something has come, and goes on here with renewals that are answered.</summary>
    /// <returns>False when the connection has ended.</returns>
    public bool ReadHere() => _receiver.ReadHere();

    /// <summary>Asks for a renewal on the line that is for renewals alone.</summary>
    /// <returns>False where there is none: it is to be asked for here.</returns>
    public bool TryRenew(PendingAnswer pending, Action<IBrokerDialect, PendingAnswer> ask)
    {
        if (IsPublished || HasEnded)
            return false;
        RenewalLine? renewals = Volatile.Read(ref _renewals);
        if (renewals is null)
        {
            var made = new RenewalLine(_context);
            renewals = Interlocked.CompareExchange(ref _renewals, made, null) ?? made;
            if (renewals == made)
                renewals.Open();
            if (HasEnded)
                renewals.End(); // it may not have been seen
        }

        return renewals.TryAsk(pending, ask);
    }

    /// <summary>Closes this side properly: all that was sent arrives, and the other side sees that we went by ourselves.</summary>
    public async Task HangUpAsync()
    {
        _hangsUp = true;
        try
        {
            Output.Flush();
            await Output.WhenDrainedAsync().WaitAsync(s_farewell, _context.Time).ConfigureAwait(false);
            Socket.Shutdown(SocketShutdown.Send);
            await _receiver.Closed.WaitAsync(s_farewell, _context.Time).ConfigureAwait(false);
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
        Dialect.TellStay();
        Cut();
    }

    /// <inheritdoc/>
    protected override void OnLine(ReadOnlySpan<byte> line)
    {
        bool isMessage = WireMessage.Parse(line, out WireMessage message) == WireLine.Message;
        if (_greeting.IsOver)
        {
            if (isMessage)
                Dialect.OnMessage(in message);
            return;
        }

        if (!(isMessage ? _greeting.TryTake(in message) : _greeting.TryTake(line)))
            Abandon();
        if (!_greeting.IsIntroduced)
            return;

        // Before anybody asks.
        if (_greeting.IsStranger)
            Speak(new PublishedDialect(_context, _requests, _sender, Number));
        _greeting.Complete();
    }

    /// <inheritdoc/>
    protected override void OnEnded(ConnectionEnd end, string why)
    {
        // It may be somebody in between who closed it, and not the broker, which would take this side's end for its wish.
        if (end == ConnectionEnd.Closed && _greeting.IsOver && !_hangsUp)
            Dialect.TellStay();
        List<PendingAnswer> pending = _requests.End();
        Dialect.OnEnded();
        _greeting.End();
        Volatile.Read(ref _renewals)?.End();
        _onEnded?.Invoke(this, why);
        foreach (PendingAnswer one in pending)
        {
            if (!one.Waits)
                one.TrySetResult(default);
        }
    }

    [MemberNotNull(nameof(Dialect))]
    private void Speak(IBrokerDialect dialect)
    {
        Dialect = dialect;
        _requests.WatchPeriod = dialect.WatchPeriod;
    }

    /// <summary>A broker that leaves a request unanswered for too long hangs or is out of reach: the connection is given up, and with it
    /// what waits; a new one shows what is true.</summary>
    private void Watch()
    {
        if (_requests.IsLate(_context.CommandTimeout))
        {
            Abandon();
            return;
        }

        if (!HasEnded)
            Dialect.Watch(_receiver.QuietFor);
        Output.Flush();
    }
}
