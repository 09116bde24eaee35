using System.Runtime.InteropServices;
using Locking;

// hold KEY                                       takes KEY with LOCK_CONFIG, and then does what its standard input says
// count FILE TIMES                               takes the lock "counter" TIMES times with LOCK_CONFIG, and adds a line to FILE under it
// race                                           tries once, with LOCK_CONFIG, for each key that a line of its standard input names,
//                                                and keeps what it wins
// broker --path PATH --idle-exit Nms            is a broker
// fault                                          leaves a fault behind that nobody looks at
// hold KEY CLOCK                                 holds on a clock that is ahead by the seconds in the file CLOCK
UnobservedFaults.Listen();
return await UnobservedFaults.ExitCodeAfterAsync(args switch
{
    ["hold", var key] => await Holder.RunAsync(key, TimeProvider.System),
    ["hold", var key, var clock] => await Holder.RunAsync(key, new FileClock(clock)),
    ["count", var file, var times] => await Counter.RunAsync(file, int.Parse(times)),
    ["race"] => await Racer.RunAsync(),
    ["broker", "--path", var path, "--idle-exit", var idle] => await Broker.RunAsync(path, int.Parse(idle.Replace("ms", ""))),
    ["fault"] => UnobservedFaults.LeaveOne(),
    _ => 64,
});

internal static class Holder
{
    /// <summary>Says "held TOKEN", then answers each line: "check" with "fine" or "lost REASON", "token" with the token, "unlock" with the
    /// outcome. Ends with its input.</summary>
    public static async Task<int> RunAsync(string key, TimeProvider time)
    {
        await using ILock locks = Lock.Create(
            context: LockProviderContext.Default with { TimeProvider = time },
            providers: [new BrokerLockProvider { Launcher = Broker.Launcher }]);
        await using ILockHandle handle = await locks.LockAsync(key);
        Console.WriteLine($"held {handle.FencingToken}");
        while (Console.ReadLine() is { } command)
        {
            Console.WriteLine(command switch
            {
                "check" => Check(handle),
                "token" => $"{handle.FencingToken}",
                "unlock" => $"{await handle.UnlockAsync()}",
                _ => "what?",
            });
        }

        return 0;
    }

    private static string Check(ILockHandle handle)
    {
        try
        {
            handle.ThrowIfLost();
            return "fine";
        }
        catch (LockLostException)
        {
            return $"lost {handle.LostReason}";
        }
    }
}

internal static class Counter
{
    public static async Task<int> RunAsync(string file, int times)
    {
        await using ILock locks = Lock.Create(providers: [new BrokerLockProvider { Launcher = Broker.Launcher }]);
        for (int i = 0; i < times; i++)
        {
            await using ILockHandle handle = await locks.LockAsync("counter");
            string before = File.Exists(file) ? await File.ReadAllTextAsync(file) : "";
            await File.WriteAllTextAsync(file, $"{before}{handle.FencingToken} {Environment.ProcessId}\n");
        }

        return 0;
    }
}

internal static class Racer
{
    /// <summary>Says "ready", then for each line "won TOKEN" or "lost". Ends with its input.</summary>
    public static async Task<int> RunAsync()
    {
        await using ILock locks = Lock.Create();
        // A lease that no race outlives: what is won stays won.
        var once = new LockOptions { Ttl = TimeSpan.FromHours(1), WaitTimeout = TimeSpan.Zero };
        List<ILockHandle> won = [];
        Console.WriteLine("ready");
        while (Console.ReadLine() is { } key)
        {
            if (await locks.TryLockAsync(key, once) is { } handle)
            {
                won.Add(handle);
                Console.WriteLine($"won {handle.FencingToken}");
            }
            else
            {
                Console.WriteLine("lost");
            }
        }

        foreach (ILockHandle handle in won)
            await handle.DisposeAsync();
        return 0;
    }
}

internal static class Broker
{
    public static BrokerLauncher Launcher { get; } = new()
    {
        Command = ["dotnet", typeof(Broker).Assembly.Location, "broker"],
        IdleExit = TimeSpan.FromSeconds(1),
    };

    public static async Task<int> RunAsync(string path, int idleMilliseconds)
    {
        BrokerLauncher.Detach();
        await using var server =
            new BrokerServer(new BrokerServerOptions { Path = path, IdleExit = TimeSpan.FromMilliseconds(idleMilliseconds) });
        if (!server.TryStart())
        {
            Console.WriteLine("another broker runs");
            return 0;
        }

        // As the command: TERM and INT end it in good order.
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        Console.WriteLine("listening");
        await server.Completion;
        return 0;

        void End(PosixSignalContext signal)
        {
            signal.Cancel = true;
            _ = server.DisposeAsync().AsTask();
        }
    }
}
