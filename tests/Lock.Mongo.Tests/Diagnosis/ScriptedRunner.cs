namespace Locking;

/// <summary>A client of the application's: passes commands on, except those that the test answers itself.</summary>
internal sealed class ScriptedRunner(IMongoCommandRunner inner, Func<string, BsonWriter?> answer) : IMongoCommandRunner
{
    public ValueTask<ReadOnlyMemory<byte>> RunAsync(string database, ReadOnlyMemory<byte> command, CancellationToken cancellationToken) =>
        answer(Name(command.Span)) is { } reply ? ValueTask.FromResult(reply.ToDocument()) : inner.RunAsync(database, command, cancellationToken);

    /// <summary>The command's name, which is its first field.</summary>
    internal static string Name(ReadOnlySpan<byte> command)
    {
        var reader = new BsonReader(command);
        reader.Read();
        return reader.Current.NameText;
    }
}
