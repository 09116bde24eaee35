using System.Collections.Concurrent;
using System.Net.Sockets;

namespace Locking;

/// <summary>Everywhere else: a receive without room for each connection, which the runtime completes when something has come.</summary>
internal sealed class RuntimeArrivals : Arrivals
{
    private readonly ConcurrentDictionary<long, Arrival> _arrivals = new();
    private readonly ConcurrentQueue<long> _arrived = new();
    private readonly HashSet<long> _toArm = [];
    private readonly object _sleeper = new();
    private bool _isWoken;

    public override bool TryAdd(long number, Socket socket)
    {
        var arrival = new Arrival(this, number, socket);
        _arrivals[number] = arrival;
        arrival.Arm();
        return true;
    }

    public override void Pause(long number, Socket socket) => _toArm.Remove(number);

    public override void Resume(long number, Socket socket)
    {
        if (_arrivals.TryGetValue(number, out Arrival? arrival))
            arrival.Arm();
    }

    public override void Wait(List<long> numbers, bool sleep)
    {
        numbers.Clear();

        // Those that were told last time have been read from meanwhile: what is left there is told at once.
        foreach (long number in _toArm)
            _arrivals.GetValueOrDefault(number)?.Arm();
        _toArm.Clear();
        if (sleep)
        {
            lock (_sleeper)
            {
                while (!_isWoken && _arrived.IsEmpty)
                    Monitor.Wait(_sleeper);
                _isWoken = false;
            }
        }

        while (_arrived.TryDequeue(out long number))
        {
            numbers.Add(number);
            _toArm.Add(number);
        }
    }

    public override void Wake()
    {
        lock (_sleeper)
        {
            _isWoken = true;
            Monitor.Pulse(_sleeper);
        }
    }

    public override void Dispose() => _arrivals.Clear();

    private void Tell(long number)
    {
        _arrived.Enqueue(number);
        Wake();
    }

    private sealed class Arrival : SocketAsyncEventArgs
    {
        private readonly RuntimeArrivals _owner;
        private readonly long _number;
        private readonly Socket _socket;

        public Arrival(RuntimeArrivals owner, long number, Socket socket)
            : base(true)
        {
            _owner = owner;
            _number = number;
            _socket = socket;
            SetBuffer(Memory<byte>.Empty);
        }

        public void Arm()
        {
            try
            {
                if (!_socket.ReceiveAsync(this))
                    _owner.Tell(_number);
            }
            catch (ObjectDisposedException)
            {
                _owner._arrivals.TryRemove(_number, out _);
                Dispose();
            }
        }

        protected override void OnCompleted(SocketAsyncEventArgs e) => _owner.Tell(_number);
    }
}
