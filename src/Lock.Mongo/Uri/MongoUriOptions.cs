using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Locking;

/// <summary>The options behind the question mark of a <c>mongodb://</c> URI. Names are case-insensitive; the same option twice is an error.</summary>
internal static class MongoUriOptions
{
    /// <summary>Known to official drivers, without effect on a lock: accepted, so that one URI serves both.</summary>
    private static readonly string[] WithoutEffect =
    [
        "compressors", "enableOverloadRetargeting", "heartbeatFrequencyMS", "journal", "localThresholdMS", "maxAdaptiveRetries", "maxConnecting", "maxStalenessSeconds", "minPoolSize", "readConcernLevel", "readPreference",
        "readPreferenceTags", "retryReads", "retryWrites", "serverMonitoringMode", "tlsDisableCertificateRevocationCheck",
        "tlsDisableOCSPEndpointCheck", "uuidRepresentation", "wTimeoutMS", "zlibCompressionLevel",
    ];

    private static readonly string[] WithEffect =
    [
        "appName", "authMechanism", "authSource", "connectTimeoutMS", "directConnection", "loadBalanced", "maxIdleTimeMS", "maxPoolSize", "replicaSet", "serverSelectionTimeoutMS",
        "socketTimeoutMS", "ssl", "timeoutMS", "tls", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames", "tlsCAFile", "tlsCertificateKeyFile",
        "tlsCertificateKeyFilePassword", "tlsInsecure", "w", "waitQueueTimeoutMS",
    ];

    /// <summary>Each says something about the other: both of a pair are an error, as the specification has it, whatever their values.</summary>
    private static readonly (string One, string Other)[] NotTogether =
    [
        ("tlsInsecure", "tlsAllowInvalidCertificates"), ("tlsInsecure", "tlsAllowInvalidHostnames"),
        ("tlsInsecure", "tlsDisableCertificateRevocationCheck"), ("tlsInsecure", "tlsDisableOCSPEndpointCheck"),
        ("tlsAllowInvalidCertificates", "tlsDisableCertificateRevocationCheck"), ("tlsAllowInvalidCertificates", "tlsDisableOCSPEndpointCheck"),
        ("tlsDisableCertificateRevocationCheck", "tlsDisableOCSPEndpointCheck"),
    ];

    private static readonly HashSet<string> Secret = new(StringComparer.OrdinalIgnoreCase) { "tlsCertificateKeyFilePassword" };

    /// <summary>Lays the options over the settings.</summary>
    /// <exception cref="FormatException">Names the option, the value and what is allowed.</exception>
    public static MongoClientSettings Apply(MongoClientSettings settings, string query)
    {
        Dictionary<string, string> options = Split(query);
        foreach ((string one, string other) in NotTogether)
        {
            if (options.ContainsKey(one) && options.ContainsKey(other)) throw new FormatException($"The options '{one}' and '{other}' of the MongoDB URI are both given; give one of them.");
        }

        settings = ApplyConnection(settings, options);
        settings = ApplyTimes(settings, options);
        bool? tls = Flag(options, "tls");
        if (Flag(options, "ssl") is { } ssl)
        {
            if (tls is { } given && given != ssl) throw Bad("ssl", options["ssl"], $"the same as tls ({options["tls"]})");
            tls = ssl;
        }

        return ApplyTls(settings, options, tls);
    }

    private static MongoClientSettings ApplyConnection(MongoClientSettings settings, Dictionary<string, string> options)
    {
        if (Text(options, "authMechanism") is { } mechanism && mechanism != ScramAuthenticator.Mechanism)
            throw Bad("authMechanism", mechanism, $"{ScramAuthenticator.Mechanism}; for others use the official driver through Lock.Mongo.Driver");
        if (options.ContainsKey("authMechanism") && settings.Username is null)
            throw new FormatException($"The option 'authMechanism' of the MongoDB URI is '{ScramAuthenticator.Mechanism}', but there is no user; give one before the host (user:password@), or leave it out.");
        if (Flag(options, "loadBalanced") == true) throw Bad("loadBalanced", "true", "false; for load balancers use the official driver through Lock.Mongo.Driver");
        if (Text(options, "readPreference") is { } preference && !preference.StartsWith("primary", StringComparison.OrdinalIgnoreCase))
            throw Bad("readPreference", preference, "primary: a lock is read where it is written");
        if (Text(options, "w") is { } w && w != "majority" && !(int.TryParse(w, NumberStyles.None, CultureInfo.InvariantCulture, out int members) && members is >= 1 and <= 50))
            throw Bad("w", w, "majority, or 1 to 50 members");
        return settings with
        {
            AppName = Text(options, "appName") ?? settings.AppName,
            AuthSource = Text(options, "authSource") ?? settings.AuthSource,
            ReplicaSet = Text(options, "replicaSet") ?? settings.ReplicaSet,
            DirectConnection = Flag(options, "directConnection") ?? settings.DirectConnection,
            WriteConcern = Text(options, "w") ?? settings.WriteConcern,
            MaxPoolSize = Number(options, "maxPoolSize", 1, 10_000) ?? settings.MaxPoolSize,
        };
    }

    private static MongoClientSettings ApplyTimes(MongoClientSettings settings, Dictionary<string, string> options) => settings with
    {
        ConnectTimeout = Time(options, "connectTimeoutMS") ?? settings.ConnectTimeout,
        CommandTimeout = Time(options, "socketTimeoutMS") ?? Time(options, "timeoutMS") ?? settings.CommandTimeout,
        ServerSelectionTimeout = Time(options, "serverSelectionTimeoutMS") ?? settings.ServerSelectionTimeout,
        WaitQueueTimeout = Time(options, "waitQueueTimeoutMS") ?? settings.WaitQueueTimeout,
        MaxIdleTime = Time(options, "maxIdleTimeMS") ?? settings.MaxIdleTime,
    };

    private static MongoClientSettings ApplyTls(MongoClientSettings settings, Dictionary<string, string> options, bool? tls)
    {
        string? named = WithEffect.FirstOrDefault(name => name.StartsWith("tls", StringComparison.Ordinal) && name != "tls" && options.ContainsKey(name));
        if (tls == false || (tls is null && named is null)) return tls == false && named is not null ? throw Bad(named, "…", "nothing while tls=false") : tls == false ? settings with { Tls = null } : settings;
        MongoTls start = settings.Tls ?? new MongoTls();
        bool insecure = Flag(options, "tlsInsecure") ?? false;
        return settings with
        {
            Tls = start with
            {
                Roots = Roots(Text(options, "tlsCAFile")) ?? start.Roots,
                ClientCertificate = ClientCertificate(Text(options, "tlsCertificateKeyFile"), Text(options, "tlsCertificateKeyFilePassword")) ?? start.ClientCertificate,
                AllowInvalidCertificates = insecure || (Flag(options, "tlsAllowInvalidCertificates") ?? start.AllowInvalidCertificates),
                AllowInvalidHostnames = insecure || (Flag(options, "tlsAllowInvalidHostnames") ?? start.AllowInvalidHostnames),
            },
        };
    }

    private static X509Certificate2Collection? Roots(string? file)
    {
        if (file is null) return null;
        var roots = new X509Certificate2Collection();
        try
        {
            roots.ImportFromPemFile(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw Bad("tlsCAFile", file, $"a readable file of PEM certificates ({e.Message})");
        }

        return roots.Count > 0 ? roots : throw Bad("tlsCAFile", file, "a file with at least one PEM certificate");
    }

    private static X509Certificate2? ClientCertificate(string? file, string? password)
    {
        if (file is null) return null;
        try
        {
            return password is null ? X509Certificate2.CreateFromPemFile(file) : X509Certificate2.CreateFromEncryptedPemFile(file, password);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw Bad("tlsCertificateKeyFile", file, $"a readable PEM file with a certificate and its private key ({e.Message})");
        }
    }

    private static Dictionary<string, string> Split(string query)
    {
        var options = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (string pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? pair : pair[..equals];
            if (equals <= 0 || equals == pair.Length - 1) throw new FormatException($"The option '{name}' of the MongoDB URI has no value; write {name}=value.");
            string value = Uri.UnescapeDataString(pair[(equals + 1)..]);
            if (!WithEffect.Contains(name, StringComparer.OrdinalIgnoreCase) && !WithoutEffect.Contains(name, StringComparer.OrdinalIgnoreCase)) throw Unknown(name);
            if (!options.TryAdd(name, value) && !name.Equals("readPreferenceTags", StringComparison.OrdinalIgnoreCase))
                throw new FormatException($"The option '{name}' of the MongoDB URI is given twice; give it once.");
        }

        return options;
    }

    private static string? Text(Dictionary<string, string> options, string name) => options.GetValueOrDefault(name);

    private static bool? Flag(Dictionary<string, string> options, string name) => options.GetValueOrDefault(name) switch
    {
        null => null,
        "true" => true,
        "false" => false,
        var value => throw Bad(name, value, "true or false"),
    };

    private static int? Number(Dictionary<string, string> options, string name, int least, int most)
    {
        if (!options.TryGetValue(name, out string? value)) return null;
        return int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least && number <= most
            ? number
            : throw Bad(name, value, $"a whole number from {least} to {most}");
    }

    /// <summary>Milliseconds; 0 means no limit, as the official drivers have it.</summary>
    private static TimeSpan? Time(Dictionary<string, string> options, string name) => Number(options, name, 0, int.MaxValue) switch
    {
        null => null,
        0 => Timeout.InfiniteTimeSpan,
        { } milliseconds => TimeSpan.FromMilliseconds(milliseconds),
    };

    private static FormatException Unknown(string name)
    {
        string? near = WithEffect.FirstOrDefault(known => Resembles(known, name));
        return new FormatException($"The option '{name}' of the MongoDB URI is not known{(near is null ? "" : $"; did you mean '{near}'?")}. Allowed: {string.Join(", ", WithEffect)}.");
    }

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

    private static FormatException Bad(string name, string value, string allowed) =>
        new($"The option '{name}' of the MongoDB URI is '{(Secret.Contains(name) ? "***" : value)}'; allowed is {allowed}.");
}
