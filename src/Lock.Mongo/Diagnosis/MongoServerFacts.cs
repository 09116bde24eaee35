using System.Globalization;
using MongoDB.Bson;

namespace Locking;

/// <summary>What the server that takes the commands says about itself.</summary>
/// <param name="IsWritable">It takes writes.</param>
/// <param name="IsRouter">It is a mongos in front of a sharded cluster.</param>
/// <param name="SetName">The replica set it belongs to.</param>
/// <param name="Name">Its address, as the set knows it.</param>
/// <param name="Members">Members that hold data and may become primary.</param>
/// <param name="WireVersion">The newest version of the protocol that it speaks.</param>
/// <param name="LocalTime">Its clock.</param>
internal sealed record MongoServerFacts(bool IsWritable, bool IsRouter, string? SetName, string? Name, int Members, long WireVersion,
    DateTimeOffset? LocalTime)
{
    /// <summary>Neither a replica set nor a router: one server alone.</summary>
    public bool IsStandalone => SetName is null && !IsRouter;

    /// <summary>Reads the reply to <c>hello</c>.</summary>
    public static MongoServerFacts Parse(BsonDocument hello) => new(
        hello.Flag("isWritablePrimary") || hello.Flag("ismaster"),
        hello.Text("msg") == "isdbgrid",
        hello.Text("setName") is { Length: > 0 } set ? set : null,
        hello.Text("me") is { Length: > 0 } name ? name : null,
        hello.GetValue("hosts", BsonNull.Value) is BsonArray hosts ? hosts.Count : 0,
        hello.Long("maxWireVersion"),
        hello.GetValue("localTime", BsonNull.Value) is BsonDateTime time
            ? DateTimeOffset.FromUnixTimeMilliseconds(time.MillisecondsSinceEpoch) : null);

    /// <summary>In words, for people.</summary>
    /// <param name="version">The server's version, if it gave one.</param>
    public string Describe(string? version)
    {
        string what = IsRouter ? "mongos" : SetName is null
            ? "standalone"
            : string.Create(CultureInfo.InvariantCulture, $"replica set '{SetName}' with {Members} member{(Members == 1 ? "" : "s")}");
        string who = Name is null ? "" : $" at {Name}";
        return string.Create(CultureInfo.InvariantCulture,
            $"MongoDB {version ?? "of unknown version"} (wire version {WireVersion}){who}, {what}.");
    }
}
