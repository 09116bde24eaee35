namespace Locking;

/// <summary>The options behind the question mark of a MongoDB URI. The driver reads them; what it passes over in silence is named
/// here.</summary>
internal static class MongoUriOptions
{
    /// <summary>Standard options that the driver does not know: they are read here.</summary>
    public static readonly string[] Ours =
    [
        "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames", "tlsCAFile", "tlsCertificateKeyFile", "tlsCertificateKeyFilePassword",
    ];

    /// <summary>Standard options that mean nothing to a lock, so that one URI serves other drivers too.</summary>
    private static readonly string[] s_withoutEffect =
        ["enableOverloadRetargeting", "maxAdaptiveRetries", "tlsDisableOCSPEndpointCheck", "uuidRepresentation"];

    /// <summary>The driver's own, for suggestions.</summary>
    private static readonly string[] s_known =
    [
        "appName", "authMechanism", "authMechanismProperties", "authSource", "compressors", "connectTimeoutMS", "directConnection",
            "heartbeatFrequencyMS", "loadBalanced", "localThresholdMS",
        "maxConnecting", "maxIdleTimeMS", "maxPoolSize", "maxStalenessSeconds", "minPoolSize", "proxyHost", "proxyPort", "readConcernLevel",
            "readPreference", "readPreferenceTags", "replicaSet",
        "retryReads", "retryWrites", "serverMonitoringMode", "serverSelectionTimeoutMS", "socketTimeoutMS", "srvMaxHosts", "srvServiceName",
            "ssl", "timeoutMS", "tls",
        "tlsDisableCertificateRevocationCheck", "tlsInsecure", "w", "waitQueueTimeoutMS", "wTimeoutMS", "zlibCompressionLevel",
    ];

    /// <summary>Splits the options of a URI.</summary>
    /// <exception cref="FormatException">One has no value, or is given twice.</exception>
    public static Dictionary<string, string> Split(string uri)
    {
        var options = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        int question = uri.IndexOf('?', StringComparison.Ordinal);
        if (question < 0) return options;
        foreach (string pair in uri[(question + 1)..].Split(['&', ';'], StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? pair : pair[..equals];
            if (equals <= 0 || equals == pair.Length - 1)
                throw new FormatException($"The option '{name}' of the MongoDB URI has no value; write {name}=value.");
            if (!options.TryAdd(name, Uri.UnescapeDataString(pair[(equals + 1)..]))
                && !name.Equals("readPreferenceTags", StringComparison.OrdinalIgnoreCase))
                throw new FormatException($"The option '{name}' of the MongoDB URI is given twice; give it once.");
        }

        return options;
    }

    /// <summary>Refuses what nobody would read.</summary>
    /// <param name="unknown">The options that the driver does not know.</param>
    /// <exception cref="FormatException">Names the option and what may have been meant.</exception>
    public static void RefuseUnknown(IEnumerable<string> unknown)
    {
        foreach (string name in unknown.Where(name => !Ours.Concat(s_withoutEffect).Contains(name, StringComparer.OrdinalIgnoreCase)))
        {
            string? near = s_known.Concat(Ours).FirstOrDefault(known => Resembles(known, name));
            throw new FormatException($"The option '{name}' of the MongoDB URI is not "
                + $"known{(near is null ? "" : $"; did you mean '{near}'?")}. Allowed: {string.Join(", ", s_known.Concat(Ours))}.");
        }
    }

    public static FormatException Bad(string name, string value, string allowed) =>
        new($"The option '{name}' of the MongoDB URI is '{value}'; allowed is {allowed}.");

    /// <summary>Reads one of the options that are either on or off.</summary>
    public static bool Flag(Dictionary<string, string> options, string name) => options.GetValueOrDefault(name) switch
    {
        null or "false" => false,
        "true" => true,
        var value => throw Bad(name, value, "true or false"),
    };

    /// <summary>One letter more, fewer, different, or exchanged with its neighbour.</summary>
    private static bool Resembles(string known, string given)
    {
        string a = known.ToUpperInvariant();
        string b = given.ToUpperInvariant();
        int head = 0;
        while (head < a.Length && head < b.Length && a[head] == b[head]) head++;
        int tail = 0;
        while (tail < a.Length - head && tail < b.Length - head && a[^(tail + 1)] == b[^(tail + 1)]) tail++;
        return Math.Max(a.Length, b.Length) - head - tail <= 2 && head + tail >= 2;
    }
}
