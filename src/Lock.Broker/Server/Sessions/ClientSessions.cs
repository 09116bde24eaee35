using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>Who is connected to a broker: those who come in are counted, served, and let go.</summary>
internal sealed partial class ClientSessions(
    BrokerServerOptions options, BrokerLocks locks, DescriptorReserve descriptors, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan s_refusedFor = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly HashSet<ClientSession> _sessions = [];
    private readonly DueQueue<ClientSession> _refused = new(time, s_refusedFor);
    private ServingThread? _serving;
    private long _idleSince;
    private volatile bool _isClosing;

    /// <summary>The options of the broker.</summary>
    public BrokerServerOptions Options => options;

    /// <summary>What they ask for.</summary>
    public BrokerLocks Locks => locks;

    /// <summary>What they speak, in the order in which it is tried.</summary>
    public required IProtocol[] Protocols { get; init; }

    /// <summary>Called before anything leaves; null: nothing.</summary>
    public Action? BeforeSend { get; private set; }

    /// <summary>Whether nobody is let in any more.</summary>
    public bool IsClosing => _isClosing;

    /// <summary>How many there are.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _sessions.Count;
        }
    }

    /// <summary>From now on they can be admitted.</summary>
    public void Begin(Arrivals arrivals)
    {
        bool isDurable = locks.Records.IsDurable;
        BeforeSend = isDurable ? locks.Records.Sync : null;
        _idleSince = time.GetTimestamp();
        _serving = new ServingThread(arrivals, isDurable);
    }

    /// <summary>Begins to serve a client, or closes its connection where there is no room for it.</summary>
    public void Admit(Socket socket)
    {
        if (socket.AddressFamily != AddressFamily.Unix)
            socket.NoDelay = true;
        if (descriptors.IsReachedBy(socket))
        {
            socket.Dispose();
            return;
        }

        ClientSession session;
        lock (_gate)
        {
            if (_isClosing || _sessions.Count >= options.Limits.Connections)
            {
                socket.Dispose();
                return;
            }

            session = new ClientSession(this, socket);
            _sessions.Add(session);
        }

        _serving!.Add(session);
    }

    /// <summary>Cuts every connection but the newest ones, as a network that breaks would.</summary>
    public void CutAll(int except = 0)
    {
        ClientSession[] sessions;
        lock (_gate)
            sessions = [.. _sessions];
        for (int i = 0; i < sessions.Length - except; i++)
            sessions[i].Cut();
    }

    /// <summary>Ends a refused client's connection, but not at once: the published client would come back at once, for ever.</summary>
    public void CutLater(ClientSession session) => _refused.Add(session);

    /// <summary>Cuts those whose time has come.</summary>
    public void KeepHouse(long now)
    {
        while (_refused.TryTake(now, out ClientSession? session))
            session.Cut();
    }

    /// <summary>Lets nobody in any more.</summary>
    public void Close()
    {
        lock (_gate)
            _isClosing = true;
    }

    /// <summary>Closes when nobody was there, and nothing was held, for so long.</summary>
    /// <returns>Whether it did: a client that comes from here on finds no broker, and starts the next one.</returns>
    public bool TryCloseIdle(TimeSpan idle)
    {
        lock (_gate)
        {
            if (_sessions.Count > 0 || locks.Table.KeyCount > 0)
            {
                _idleSince = time.GetTimestamp();
                return false;
            }

            if (time.GetElapsedTime(_idleSince) < idle)
                return false;
            return _isClosing = true;
        }
    }

    /// <summary>Ends every connection.</summary>
    public async Task StopAsync()
    {
        Close();
        CutAll();
        if (_serving is not null)
            await _serving.StopAsync().ConfigureAwait(false);
    }

    /// <summary>A connection is over, and its claims have been seen to.</summary>
    public void OnEnded(ClientSession session, ConnectionEnd end, string why, int claims)
    {
        lock (_gate)
        {
            _sessions.Remove(session);
            _idleSince = time.GetTimestamp();
        }

        foreach (IProtocol protocol in Protocols)
            protocol.OnEnded(session, end);
        if (end == ConnectionEnd.Broken && !_isClosing)
            LogBroken(why, claims);
    }

    /// <summary>Handling a line has failed.</summary>
    public void OnFault(Exception exception) => LogFault(exception);

    /// <summary>A client does not read what is sent to it.</summary>
    public void OnSlowReader(ClientSession session) => LogSlowReader(options.Limits.UnreadOutput, session.GetHashCode());

    [LoggerMessage(4, LogLevel.Information, "A connection broke ({Why}); its {Claims} locks stand until their TTL.")]
    private partial void LogBroken(string why, int claims);

    [LoggerMessage(5, LogLevel.Warning, "A client did not read {Limit} bytes; its connection {Connection} is cut, its locks stand until "
        + "their TTL.")]
    private partial void LogSlowReader(int limit, int connection);

    [LoggerMessage(9, LogLevel.Error, "A line could not be handled; its connection is cut, its locks stand until their TTL.")]
    private partial void LogFault(Exception exception);
}
