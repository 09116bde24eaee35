using System.Globalization;
using Locking.Bench.Curves;
using Locking.Bench.Latency;

namespace Locking.Bench;

/// <summary>The commands that have no bars: what a network's delay does, and how things grow. They write pages and pictures.</summary>
internal static class PictureCommands
{
    public const string Usage =
        "latency | curves [--only PART,...] [--rounds N] [--seconds S] [--dry]   --rounds: of latency, with each delay; "
            + "--seconds: of curves, each point; --dry: nothing is written.";

    /// <summary>Runs one of them.</summary>
    /// <param name="arguments">The command and its options.</param>
    /// <returns>0; 1 when something was left out; 64 for a mistake in the options.</returns>
    public static async Task<int> RunAsync(string[] arguments)
    {
        HashSet<string> only = new(StringComparer.OrdinalIgnoreCase);
        int rounds = 15;
        double seconds = 1;
        bool isWritten = true;
        for (int i = 1; i < arguments.Length; i++)
        {
            string? value = i + 1 < arguments.Length ? arguments[i + 1] : null;
            bool isKnown = arguments[i] switch
            {
                "--dry" => !(isWritten = false),
                "--only" when value is not null => AddAll(only, value),
                "--rounds" => int.TryParse(value, CultureInfo.InvariantCulture, out rounds) && rounds > 0,
                "--seconds" => double.TryParse(value, CultureInfo.InvariantCulture, out seconds) && seconds > 0,
                _ => false,
            };
            if (!isKnown)
            {
                await Console.Error.WriteLineAsync($"What is '{arguments[i]}'?\nUsage: {Usage}");
                return 64;
            }

            if (arguments[i] != "--dry")
                i++;
        }

        bool Wants(string part) => only.Count == 0 || only.Contains(part);
        return arguments[0] == "latency"
            ? await LatencyCommand.RunAsync(Wants, rounds, isWritten)
            : await CurvesCommand.RunAsync(Wants, TimeSpan.FromSeconds(seconds), isWritten);
    }

    private static bool AddAll(HashSet<string> only, string value)
    {
        only.UnionWith(value.Split(','));
        return true;
    }
}
