namespace Locking.Torture.Tests;

/// <summary>A history written by hand. Times are in milliseconds.</summary>
internal sealed class Story
{
    private readonly List<HistoryEvent> _events = [];

    public Story() =>
        Add(0, "nemesis", EventKind.Promised, text: new Promise("story", 7, Ms(1000), Ms(10), Ms(500), Ms(2000), Ms(100)).ToString());

    public History History => new(_events);

    public static long Ms(double time) => (long)(time * TimeSpan.TicksPerMillisecond);

    public Rule[] Broken => [.. Specification.Check(History).Select(static one => one.Rule)];

    public Story Add(double at, string process, EventKind kind, string attempt = "", long? token = null, double number = 0,
        string text = "", string key = "k")
    {
        _events.Add(
            new HistoryEvent(Ms(at), process, kind, key, attempt, token,
                number is -1 or double.MaxValue ? (number < 0 ? -1 : long.MaxValue) : Ms(number), text));
        return this;
    }

    /// <summary>The resource's lines count, and are no times.</summary>
    public Story Resource(double at, EventKind kind, string attempt, long token, long value)
    {
        _events.Add(new HistoryEvent(Ms(at), "resource", kind, "k", attempt, token, value));
        return this;
    }

    public Story Asks(double at, string attempt, double wait = -1, bool renews = false) =>
        Add(at, Process(attempt), EventKind.Asked, attempt, number: wait, text: renews ? "renew" : "");

    public Story Has(double at, string attempt, long token, double due = double.MaxValue) =>
        Add(at, Process(attempt), EventKind.Granted, attempt, token, due);

    public Story Loses(double at, string attempt, double notYet, string reason = "Expired") =>
        Add(at, Process(attempt), EventKind.Lost, attempt, number: notYet, text: reason);

    public Story Releases(double at, string attempt, string outcome = "Released", double took = 1) =>
        Add(at, Process(attempt), EventKind.Releasing, attempt)
            .Add(at + took, Process(attempt), EventKind.Released, attempt, text: outcome);

    /// <summary>A whole turn.</summary>
    public Story Turn(double asked, double granted, double releasing, string attempt, long token) =>
        Asks(asked, attempt, renews: true).Has(granted, attempt, token).Releases(releasing, attempt);

    private static string Process(string attempt) => attempt[..attempt.IndexOf('.', StringComparison.Ordinal)];
}
