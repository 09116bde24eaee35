using MongoDB.Bson;

namespace Locking;

/// <summary>A client that a test can interfere with, command by command: do something before or after, lose the reply, keep the command and
/// send it late.</summary>
internal sealed class MeddlingRunner(IMongoCommandRunner inner) : IMongoCommandRunner
{
    /// <summary>Carries a command out and gives the reply.</summary>
    public delegate Task<BsonDocument> CarryOut();

    /// <summary>What is done instead of the commands to come, one entry each; none: they are carried out.</summary>
    public Queue<(string Command, Func<CarryOut, Task<BsonDocument>> Instead)> Plan { get; } = new();

    public ValueTask<BsonDocument> RunAsync(string database, BsonDocument command, CancellationToken cancellationToken)
    {
        if (!Plan.TryPeek(out (string Command, Func<CarryOut, Task<BsonDocument>> Instead) next)
            || next.Command != command.GetElement(0).Name)
            return inner.RunAsync(database, command, cancellationToken);
        Plan.Dequeue();
        // Late commands have no caller that could cancel them any more.
        return new ValueTask<BsonDocument>(next.Instead(() => inner.RunAsync(database, command, CancellationToken.None).AsTask()));
    }

    /// <summary>The next command of this name is carried out; its reply is lost, and something else happens before it is
    /// repeated.</summary>
    public void LoseReply(string command, Func<Task> meanwhile) => Plan.Enqueue((command, async carryOut =>
    {
        await carryOut();
        await meanwhile();
        throw MongoFailure.Create("The reply was lost.", isTransient: true, mayHaveRun: true);
    }));

    /// <summary>The next command of this name stays on the way; its sender is told that no answer came.</summary>
    /// <returns>Lets it arrive.</returns>
    public CarryOut Keep(string command)
    {
        CarryOut? kept = null;
        Plan.Enqueue((command, carryOut =>
        {
            kept = carryOut;
            throw MongoFailure.Create("No answer came.", isTransient: false, mayHaveRun: true);
        }));
        return () => kept!();
    }

    /// <summary>Something happens before the next command of this name.</summary>
    public void Before(string command, Func<Task> something) => Plan.Enqueue((command, async carryOut =>
    {
        await something();
        return await carryOut();
    }));
}
