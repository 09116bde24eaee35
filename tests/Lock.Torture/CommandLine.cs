using System.Globalization;

namespace Locking.Torture;

/// <summary>What the program is told to do.</summary>
internal static class CommandLine
{
    private const string Usage = """
        run --backend NAME [--client own] [--seed N] [--seconds S] [--workers N] [--tasks N] [--keys N] [--ttl MS] [--margin MS] [--bound S] [--variety N] [--faults A,B] [--out DIR]
                                                 tortures a backend; a history that breaks a promise stays in DIR
        campaign --backend NAME [--minutes 60] [--grants 1000000] [--most MINUTES] [--file FILE], and the options of run
                                                 runs with rising seeds until there are so many minutes and grants; FILE has their figures
        figures FILE                             prints FILE as a table
        museum [NAME] [--seed N] [--minutes M]   finds each broken variant, or the one that is named
        check PATH [--svg FILE]                  checks a history (a file, or a folder of them) again
        """;

    public static async Task<int> RunAsync(string[] args)
    {
        switch (args)
        {
            case ["museum", .. var rest]:
                return await MuseumTour.RunAsync(Arguments.Of(rest));
            case ["run", .. var rest]:
                return await RunAsync(Arguments.Of(rest));
            case ["campaign", .. var rest]:
                return await CampaignAsync(Arguments.Of(rest));
            case ["figures", var file]:
                Campaign.Print(file);
                return 0;
            case ["worker", .. { Length: 10 } words]:
                return await WorkerProcess.RunAsync(words);
            case ["broker", var path, var port]:
                return await BrokerProcess.RunAsync(path, port);
            case ["check", var path, .. var rest]:
                return Report.Print(History.Load(path), Arguments.Of(rest).Text("--svg")).Violations == 0 ? 0 : 1;
            default:
                Console.Error.WriteLine(Usage);
                return 64;
        }
    }

    private static async Task<int> RunAsync(Arguments arguments)
    {
        StormOptions options = Options(arguments);
        bool isGood = Report.Print(await Storm.RunAsync(options), Path.Combine(options.Folder, "violation.svg")).Violations == 0;
        if (isGood)
            Directory.Delete(options.Folder, recursive: true);
        else
            Console.WriteLine($"  the history: check {options.Folder}");
        return isGood ? 0 : 1;
    }

    private static async Task<int> CampaignAsync(Arguments arguments)
    {
        StormOptions options = Options(arguments);
        string file = arguments.Text("--file") ?? Path.Combine(Path.GetDirectoryName(options.Folder)!, "figures.jsonl");
        int minutes = arguments.Number("--minutes", 60);
        bool isGood = await new Campaign(options, file).RunAsync(
            TimeSpan.FromMinutes(minutes), arguments.Number("--grants", 1_000_000),
            TimeSpan.FromMinutes(arguments.Number("--most", 24 * 60)));
        Campaign.Print(file);
        return isGood ? 0 : 1;
    }

    private static StormOptions Options(Arguments arguments)
    {
        int seed = arguments.Number("--seed", 1);
        string backend = arguments.Text("--backend")
            ?? throw new ArgumentException($"--backend is missing: {string.Join(", ", Backends.Names)}.");
        string parent = Path.GetFullPath(arguments.Text("--out") ?? Path.Combine(Path.GetTempPath(), "lock-torture"));
        return new StormOptions(backend, seed, TimeSpan.FromSeconds(arguments.Number("--seconds", 60)),
            Path.Combine(parent, $"{backend}-{seed}-{Environment.ProcessId}"))
        {
            Client = arguments.Text("--client") ?? "own",
            Workers = arguments.Number("--workers", 4),
            Tasks = arguments.Number("--tasks", 4),
            Keys = arguments.Number("--keys", 6),
            Ttl = TimeSpan.FromMilliseconds(arguments.Number("--ttl", 1000)),
            Margin = arguments.Text("--margin") is null ? null : TimeSpan.FromMilliseconds(arguments.Number("--margin", 0)),
            Bound = TimeSpan.FromSeconds(arguments.Number("--bound", 15)),
            Variety = arguments.Number("--variety", 200),
            Faults = arguments.Text("--faults")?.Split(','),
        };
    }
}

/// <summary>Words, and options with values.</summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, string> _options = new(StringComparer.Ordinal);

    public List<string> Words { get; } = [];

    public static Arguments Of(string[] args)
    {
        var arguments = new Arguments();
        for (int i = 0; i < args.Length; i++)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal))
                arguments.Words.Add(args[i]);
            else if (i + 1 < args.Length)
                arguments._options[args[i]] = args[++i];
            else
                throw new ArgumentException($"{args[i]} needs a value.");
        }

        return arguments;
    }

    public string? Text(string name) => _options.GetValueOrDefault(name);

    public int Number(string name, int usual) =>
        _options.TryGetValue(name, out string? text) ? int.Parse(text, CultureInfo.InvariantCulture) : usual;
}
