namespace Locking;

/// <summary>One member, asked by itself.</summary>
/// <param name="Endpoint">Where it is.</param>
/// <param name="Problem">Why it did not answer; null: it did.</param>
/// <param name="ClockOffset">How far its clock is ahead of this machine's, if it said.</param>
/// <param name="Uncertainty">How far the offset may be off, for the time that the question took.</param>
internal readonly record struct MongoMember(MongoEndpoint Endpoint, string? Problem, TimeSpan? ClockOffset, TimeSpan Uncertainty);

/// <summary>A client that can ask each member, where others know only the one that takes writes.</summary>
internal interface IMongoMembers
{
    /// <summary>Greets all members that are known by now.</summary>
    Task<IReadOnlyList<MongoMember>> GreetAllAsync(CancellationToken cancellationToken);
}
