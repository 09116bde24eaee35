using System.Globalization;
using Locking.Soak;

if (args is ["--child", "worker", var path, var seed])
    return await Worker.RunAsync(path, int.Parse(seed, CultureInfo.InvariantCulture));
if (args is ["--child", "broker", var socket])
    return await Worker.ServeAsync(socket);

int seconds = 60;
int own = 4;
int published = 2;
int random = 1;
for (int i = 0; i < args.Length; i += 2)
{
    if (i + 1 >= args.Length || !int.TryParse(args[i + 1], CultureInfo.InvariantCulture, out int value) || value < 0)
        return Usage($"'{args[i]}' needs a number.");
    switch (args[i])
    {
        case "--seconds" when value > 0:
            seconds = value;
            break;
        case "--own":
            own = value;
            break;
        case "--published":
            published = value;
            break;
        case "--seed":
            random = value;
            break;
        default:
            return Usage($"'{args[i]}' is not understood.");
    }
}

return await SoakRun.RunAsync(TimeSpan.FromSeconds(seconds), own, published, random) ? 0 : 1;

static int Usage(string problem)
{
    Console.Error.WriteLine(problem);
    Console.Error.WriteLine("Usage: dotnet run -c Release --project bench/Lock.Soak -- [--seconds S] [--own N] [--published N] [--seed S]");
    Console.Error.WriteLine(
        "Processes of our client and of npm's live-mutex (eng/node-clients.sh) at one broker, with random kills and pauses. Ends with 1 "
            + "when a lock");
    Console.Error.WriteLine("that somebody waited for was free for longer than a second, without a pause or a kill that explains it.");
    return 64;
}
