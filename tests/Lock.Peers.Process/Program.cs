using System.Globalization;
using Locking.Peers;

// LIBRARY PORT,... MAP     says "ready", then does what each line of its standard input says, and answers with a line:
//   hold NAME MILLISECONDS    takes the lock, however long that takes: "held"
//   lost                      "True", "False", or "" when the library never says so
//   release                   "released"
//   turns NAME TASKS COUNT    so many tasks take so many turns each: "OVERLAPS", counted over all processes that have the same map
if (args is not [var library, var ports, var map])
    return 64;
await using IPeer peer =
    await Peers.ConnectAsync(library, [.. ports.Split(',').Select(static port => int.Parse(port, CultureInfo.InvariantCulture))]);
using var inside = new SharedCounter(map);
IPeerHold? hold = null;
Console.WriteLine("ready");
while (await Console.In.ReadLineAsync() is { } line)
{
    switch (line.Split(' '))
    {
        case ["hold", var name, var milliseconds]:
            hold = await TakeAsync(name, TimeSpan.FromMilliseconds(int.Parse(milliseconds, CultureInfo.InvariantCulture)));
            Console.WriteLine("held");
            break;
        case ["lost"]:
            Console.WriteLine($"{hold?.IsLost}");
            break;
        case ["release"]:
            await hold!.ReleaseAsync();
            Console.WriteLine("released");
            break;
        case ["turns", var name, var tasks, var count]:
            Console.WriteLine(
                await TurnsAsync(name, int.Parse(tasks, CultureInfo.InvariantCulture), int.Parse(count, CultureInfo.InvariantCulture)));
            break;
        default:
            Console.WriteLine("what?");
            break;
    }
}

return 0;

async Task<int> TurnsAsync(string name, int tasks, int count)
{
    int overlaps = 0;
    await Task.WhenAll(Enumerable.Range(0, tasks).Select(_ => Task.Run(async () =>
    {
        for (int turn = 0; turn < count; turn++)
        {
            IPeerHold taken = await TakeAsync(name, TimeSpan.FromSeconds(60));
            if (inside.Add(1) != 1)
                Interlocked.Increment(ref overlaps);
            await Task.Yield();
            inside.Add(-1);
            await taken.ReleaseAsync();
        }
    })));
    return overlaps;
}

async Task<IPeerHold> TakeAsync(string name, TimeSpan expiry)
{
    while (true)
    {
        if (await peer.TryTakeAsync(name, expiry, TimeSpan.FromMinutes(5)) is { } taken)
            return taken;
    }
}
