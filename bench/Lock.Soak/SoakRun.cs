using System.Globalization;

namespace Locking.Soak;

/// <summary>Runs the processes, kills and pauses them, and looks for waits that nothing explains.</summary>
internal static class SoakRun
{
    private static readonly TimeSpan s_tooLong = TimeSpan.FromSeconds(1);

    public static async Task<bool> RunAsync(TimeSpan time, int own, int published, int seed)
    {
        string directory = Directory.CreateTempSubdirectory("lock-soak-").FullName;
        List<Participant> all = [];
        try
        {
            string path = Path.Combine(directory, "broker.sock");
            var broker = Participant.Own("broker", "broker", path);
            all.Add(broker);
            string port = await broker.FirstLine.Task.WaitAsync(TimeSpan.FromSeconds(30));
            var random = new Random(seed);
            var running = new List<Participant>();
            for (int i = 0; i < own + published; i++)
                running.Add(Start(i));
            (int kills, int pauses) = (0, 0);
            long end = Participant.Now + time.Ticks;
            while (Participant.Now < end)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(20, 400)), TimeProvider.System, CancellationToken.None);
                int place = random.Next(running.Count);
                if (random.Next(8) == 0)
                {
                    await running[place].KillAsync();
                    running[place] = Start(place);
                    kills++;
                }
                else
                {
                    await running[place].PauseAsync(TimeSpan.FromMilliseconds(random.Next(1, 600)));
                    pauses++;
                }
            }

            // Together: who waits for another that has ended already waits for nobody.
            long ended = Participant.Now;
            await Task.WhenAll(running.Select(static one => one.EndAsync()));
            await broker.EndAsync();
            return Report(all, ended, kills, pauses);

            Participant Start(int place)
            {
                Participant one = place < own
                    ? Participant.Own($"own {place}", "worker", path, (seed + all.Count).ToString(CultureInfo.InvariantCulture))
                    : new Participant($"npm {place}", "node", Path.Combine(AppContext.BaseDirectory, "client.js"), Packages(), port);
                all.Add(one);
                return one;
            }
        }
        finally
        {
            foreach (Participant one in all)
                one.Dispose();
            Directory.Delete(directory, recursive: true);
        }
    }

    private static string Packages()
    {
        for (var directory = new DirectoryInfo(Directory.GetCurrentDirectory()); directory is not null; directory = directory.Parent)
        {
            string packages = Path.Combine(directory.FullName, ".testbed", "node");
            if (Directory.Exists(Path.Combine(packages, "node_modules", "live-mutex")))
                return packages;
        }

        throw new InvalidOperationException(
            "npm's live-mutex is not installed: run eng/node-clients.sh first; --published 0 does without.");
    }

    private static bool Report(List<Participant> all, long ended, int kills, int pauses)
    {
        bool isGood = true;
        var turns = all.SelectMany(static one => one.Turns).Where(static turn => turn.Got != long.MaxValue).ToList();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{turns.Count} turns, {kills} kills, {pauses} pauses; longest wait "
                + $"{TimeSpan.FromTicks(turns.Max(static t => t.Got - t.Asked)).TotalMilliseconds:0} ms"));
        for (int number = 0; number < Worker.Keys; number++)
        {
            (List<Timeline.Gap> gaps, TimeSpan longest) = Timeline.Find(all, $"soak/{number}", ended, s_tooLong);
            Console.WriteLine(
                string.Create(CultureInfo.InvariantCulture,
                    $"soak/{number}: free while waited for, without a pause, at most {longest.TotalMilliseconds:0.0} ms"));
            foreach (Timeline.Gap gap in gaps)
            {
                isGood = false;
                Console.WriteLine(
                    string.Create(CultureInfo.InvariantCulture, $"  {gap.Length.TotalMilliseconds:0} ms from {gap.From}: {gap.Waiters}"));
                foreach ((Participant one, Span away) in all.SelectMany(static one => one.Away.Select(away => (one, away))))
                {
                    if (Math.Abs(away.From - gap.From.Ticks) < TimeSpan.TicksPerSecond * 2)
                        Console.WriteLine(
                            string.Create(CultureInfo.InvariantCulture,
                                $"    {one.Name} was {(away.To == long.MaxValue ? "killed" : $"away until {TimeSpan.FromTicks(away.To)}")} "
                                    + $"at {TimeSpan.FromTicks(away.From)}"));
                }
            }
        }

        return isGood;
    }
}
