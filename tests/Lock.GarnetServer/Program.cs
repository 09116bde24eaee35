using Garnet;

// Of redis-server's arguments only the port counts here.
string port = args[Array.IndexOf(args, "--port") + 1];
using var server = new GarnetServer(
    ["--port", port, "--bind", "127.0.0.1", "--lua", "true", "--lua-transaction-mode", "true", "--memory", "64m", "--index", "8m"]);
server.Start();
await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, CancellationToken.None);
