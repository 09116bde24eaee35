using System.Globalization;

namespace Locking;

/// <summary>What the server that takes the commands says about itself.</summary>
/// <param name="IsWritable">It takes writes.</param>
/// <param name="IsRouter">It is a mongos in front of a sharded cluster.</param>
/// <param name="SetName">The replica set it belongs to.</param>
/// <param name="Name">Its address, as the set knows it.</param>
/// <param name="Members">Members that hold data and may become primary.</param>
/// <param name="WireVersion">The newest version of the protocol that it speaks.</param>
/// <param name="LocalTime">Its clock.</param>
internal sealed record MongoServerFacts(bool IsWritable, bool IsRouter, string? SetName, string? Name, int Members, long WireVersion, DateTimeOffset? LocalTime)
{
    /// <summary>Neither a replica set nor a router: one server alone.</summary>
    public bool IsStandalone => SetName is null && !IsRouter;

    /// <summary>Reads the reply to <c>hello</c>.</summary>
    /// <exception cref="BsonFormatException">It is malformed.</exception>
    public static MongoServerFacts Parse(ReadOnlySpan<byte> hello)
    {
        bool writable = false;
        bool router = false;
        string? set = null;
        string? name = null;
        int members = 0;
        long wireVersion = 0;
        DateTimeOffset? time = null;
        var reader = new BsonReader(hello);
        while (reader.Read())
        {
            BsonElement field = reader.Current;
            if (field.Is("isWritablePrimary"u8) || field.Is("ismaster"u8)) writable |= field.AsFlag();
            else if (field.Is("msg"u8)) router = field.AsString() == "isdbgrid";
            else if (field.Is("setName"u8)) set = field.AsString();
            else if (field.Is("me"u8)) name = field.AsString();
            else if (field.Is("hosts"u8)) members = Count(field.AsDocument());
            else if (field.Is("maxWireVersion"u8)) wireVersion = field.AsNumber();
            else if (field.Is("localTime"u8)) time = DateTimeOffset.FromUnixTimeMilliseconds(field.AsDateTime());
        }

        return new MongoServerFacts(writable, router, set, name, members, wireVersion, time);
    }

    /// <summary>In words, for people.</summary>
    /// <param name="version">The server's version, if it gave one.</param>
    public string Describe(string? version)
    {
        string what = IsRouter ? "mongos" : SetName is null ? "standalone" : string.Create(CultureInfo.InvariantCulture, $"replica set '{SetName}' with {Members} member{(Members == 1 ? "" : "s")}");
        string who = Name is null ? "" : $" at {Name}";
        return string.Create(CultureInfo.InvariantCulture, $"MongoDB {version ?? "of unknown version"} (wire version {WireVersion}){who}, {what}.");
    }

    private static int Count(ReadOnlySpan<byte> array)
    {
        int count = 0;
        var items = new BsonReader(array);
        while (items.Read()) count++;
        return count;
    }
}
