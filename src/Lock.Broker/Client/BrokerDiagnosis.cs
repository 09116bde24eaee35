using System.Globalization;

namespace Locking;

/// <summary>Puts what is known of a broker into words.</summary>
internal static class BrokerDiagnosis
{
    /// <summary>What to say of a broker.</summary>
    /// <param name="address">Where it is.</param>
    /// <param name="welcome">What it introduced itself as.</param>
    /// <param name="status">Its answer when asked how it is; a refusal where it does not know the question.</param>
    public static IReadOnlyList<StoreFinding> Of(BrokerAddress address, Welcome welcome, BrokerAnswer status)
    {
        var findings = new List<StoreFinding>();
        if (welcome.Wire == 0)
        {
            findings.Add(new StoreFinding("published-broker", true, $"The broker at {address} is a published live-mutex broker: no fencing "
                + "tokens, no extending, no look-up, and it may grant a lock twice when clients come and go. Run 'lock broker' instead; "
                + "its clients can stay as they are."));
        }
        else
        {
            AddState(findings, status);
            AddVersion(findings, welcome.Version, status.Kind);
        }

        if (!address.IsLocal)
        {
            findings.Add(new StoreFinding("unencrypted-network", true, $"The broker at {address} is on another machine, and the connection "
                + "to it is not encrypted: who can listen on the network sees keys and ids. Use a network that you trust, or a tunnel."));
        }

        if (welcome.Wire != 0)
            findings.Add(new StoreFinding("server", false, $"Broker {welcome.Version} at {address}."));
        return findings;
    }

    private static void AddState(List<StoreFinding> findings, BrokerAnswer status)
    {
        string[] words = status.Kind == AnswerKind.Status ? (status.Error ?? "").Split(' ') : [];
        if (Array.IndexOf(words, StatusWords.Open) >= 0)
        {
            findings.Add(new StoreFinding("open-network", true, "The broker listens beyond its machine and asks for no secret: everybody "
                + "who can reach the port can take and break locks. Give it a secret (LOCK_BROKER_SECRET there, connection.secret "
                + "here), or let it listen on 127.0.0.1."));
        }

        if (Array.IndexOf(words, StatusWords.NoState) >= 0)
        {
            findings.Add(new StoreFinding("no-state-file", true, "The broker keeps no record of what is held, or cannot write all of it: "
                + "one that comes back after it may grant what is held, or nothing for a while. Give it a fixed port or a socket, "
                + "do not switch the record off, and see that its disk has room."));
        }

        if (Array.IndexOf(words, StatusWords.Unguarded) >= 0)
        {
            findings.Add(new StoreFinding("guard-taken", true, "Another user's process has taken the name by which this broker's path is "
                + "guarded (an abstract socket '@lock-broker-…'; 'ss -xlp' as root shows whose): locks go on, but when the "
                + "broker's directory is emptied while it lives, a second broker may start. End that process and restart the broker."));
        }

        if (status is { Kind: AnswerKind.Status, Remaining: { } wait } && wait > TimeSpan.Zero)
        {
            findings.Add(new StoreFinding("waiting-after-crash", true, string.Create(CultureInfo.InvariantCulture,
                $"The broker found its record damaged or incomplete, and grants nothing new for another {wait.TotalSeconds:0.0} s, until "
                + $"what it may not know of has ended. Holders come back at once; requests stand in line.")));
        }
    }

    private static void AddVersion(List<StoreFinding> findings, string running, AnswerKind status)
    {
        string own = WireTypes.ProductVersion;
        bool isOlder = Version.TryParse(running, out Version? theirs) && theirs < Version.Parse(own);
        if (isOlder || status == AnswerKind.Refused)
        {
            findings.Add(new StoreFinding("older-broker", true,
                $"The broker that runs is {(isOlder ? $"version {running}, older than" : "older than")} "
                + $"this client ({own}): it lacks what came since. Restart it; holders come back by themselves."));
        }
        else if (running != own)
        {
            findings.Add(new StoreFinding(
                "newer-broker", false, $"The broker is version {running}, this client is {own}: what both know is used."));
        }
    }
}
