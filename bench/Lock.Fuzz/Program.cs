using System.Globalization;
using Locking.Fuzz;

long lines = 10_000_000L;
int seed = 1;
for (int i = 0; i < args.Length; i++)
{
    if (args[i] == "--lines" && i + 1 < args.Length && long.TryParse(args[i + 1], CultureInfo.InvariantCulture, out lines)
        && lines >= 10_000)
        i++;
    else if (args[i] == "--seed" && i + 1 < args.Length && int.TryParse(args[i + 1], CultureInfo.InvariantCulture, out seed))
        i++;
    else
        return Usage($"'{args[i]}' is not understood.");
}

try
{
    await FuzzRun.RunAsync(lines, seed, Console.WriteLine);
}
catch (Exception e) when (e is not OutOfMemoryException)
{
    Console.Error.WriteLine($"Seed {seed}: {e}");
    return 1;
}

Console.WriteLine($"{lines} lines with seed {seed}: no crash, no wrong grant; see the heap of each part for growth.");
return 0;

static int Usage(string problem)
{
    Console.Error.WriteLine(problem);
    Console.Error.WriteLine(
        "Usage: dotnet run -c Release --project bench/Lock.Fuzz -- [--lines N] [--seed S]   N from 10,000; the default is 10,000,000.");
    return 64;
}
