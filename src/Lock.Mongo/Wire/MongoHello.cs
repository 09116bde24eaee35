using System.Runtime.InteropServices;

namespace Locking;

/// <summary>What a server says about itself in reply to <c>hello</c>.</summary>
/// <param name="IsWritable">It takes writes: standalone, mongos or primary.</param>
/// <param name="SetName">The replica set it belongs to.</param>
/// <param name="Primary">The primary it knows.</param>
/// <param name="Hosts">The members it knows.</param>
/// <param name="LocalTime">Its clock.</param>
internal sealed record MongoHello(bool IsWritable, string? SetName, MongoEndpoint? Primary, IReadOnlyList<MongoEndpoint> Hosts, DateTimeOffset? LocalTime)
{
    /// <summary>MongoDB 4.4: expressions in the <c>fields</c> of findAndModify.</summary>
    private const int LeastWireVersion = 9;

    public static ReadOnlyMemory<byte> Request(string? appName)
    {
        BsonWriter request = new BsonWriter().Int32("hello", 1).Boolean("helloOk", true).Document("client");
        if (appName is not null) request.Document("application").String("name", appName).End();
        return request
            .Document("driver").String("name", "Lock.Mongo").String("version", typeof(MongoHello).Assembly.GetName().Version?.ToString(3) ?? "0").End()
            .Document("os").String("type", RuntimeInformation.OSDescription.Split(' ')[0]).String("architecture", RuntimeInformation.OSArchitecture.ToString()).End()
            .String("platform", RuntimeInformation.FrameworkDescription)
            .End().ToDocument();
    }

    /// <summary>Reads the reply.</summary>
    /// <exception cref="LockStoreException">The server refuses, is too old, or answers with something else.</exception>
    public static MongoHello Parse(MongoEndpoint endpoint, ReadOnlySpan<byte> reply)
    {
        try
        {
            MongoReply common = MongoReply.Parse(reply);
            if (!common.Ok) throw MongoFailure.Create($"{endpoint} refuses the greeting: {common.Message} (code {common.Code}).", isTransient: common.IsNotPrimary, mayHaveRun: false);
            return ParseFields(endpoint, reply);
        }
        catch (BsonFormatException e)
        {
            throw MongoFailure.Create($"The greeting of {endpoint} cannot be understood: {e.Message}", isTransient: true, mayHaveRun: false, e);
        }
    }

    private static MongoHello ParseFields(MongoEndpoint endpoint, ReadOnlySpan<byte> reply)
    {
        bool writable = false;
        long wireVersion = 0;
        string? setName = null;
        MongoEndpoint? primary = null;
        var hosts = new List<MongoEndpoint>();
        DateTimeOffset? time = null;
        var reader = new BsonReader(reply);
        while (reader.Read())
        {
            BsonElement field = reader.Current;
            if (field.Is("isWritablePrimary"u8) || field.Is("ismaster"u8)) writable |= field.AsFlag();
            else if (field.Is("maxWireVersion"u8)) wireVersion = field.AsNumber();
            else if (field.Is("setName"u8)) setName = field.AsString();
            else if (field.Is("primary"u8)) primary = MongoEndpoint.TryParse(field.AsString());
            else if (field.Is("hosts"u8)) AddHosts(field, hosts);
            else if (field.Is("localTime"u8)) time = DateTimeOffset.FromUnixTimeMilliseconds(field.AsDateTime());
        }

        if (wireVersion < LeastWireVersion)
        {
            throw MongoFailure.Create(
                $"{endpoint} has the wire version {wireVersion}; at least {LeastWireVersion} (MongoDB 4.4) is needed.", isTransient: false, mayHaveRun: false);
        }

        return new MongoHello(writable, setName, primary, hosts, time);
    }

    private static void AddHosts(BsonElement field, List<MongoEndpoint> hosts)
    {
        var items = new BsonReader(field.AsDocument());
        while (items.Read())
        {
            if (MongoEndpoint.TryParse(items.Current.AsString()) is { } host) hosts.Add(host);
        }
    }
}
