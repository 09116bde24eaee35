using System.Text;

namespace Locking;

/// <summary>Carries a SCRAM conversation over a connection (saslStart, saslContinue).</summary>
internal static class ScramAuthenticator
{
    public const string Mechanism = "SCRAM-SHA-256";

    private const int WrongLogin = 18;

    /// <summary>A server that says "not done" for ever is no server.</summary>
    private const int MostSteps = 4;

    /// <summary>Proves to the server that this side knows the password, and has the server prove the same.</summary>
    /// <exception cref="LockStoreException">The server refused, or cannot prove that it knows the password.</exception>
    public static async Task AuthenticateAsync(MongoConnection connection, ScramCredential credential, string database, CancellationToken cancellationToken)
    {
        var scram = new ScramConversation(credential, ScramConversation.NewNonce());
        try
        {
            Step challenge = await RunAsync(connection, database, Start(scram.First()), cancellationToken).ConfigureAwait(false);
            Step answer = await RunAsync(connection, database, Continue(challenge.Id, scram.Final(challenge.Payload)), cancellationToken).ConfigureAwait(false);
            scram.Verify(answer.Payload);
            for (int i = 0; !answer.Done; i++)
            {
                if (i == MostSteps) throw new FormatException("the server does not end the conversation");
                answer = await RunAsync(connection, database, Continue(challenge.Id, ""), cancellationToken).ConfigureAwait(false);
            }
        }
        catch (MongoCommandException e)
        {
            string advice = e.Code == WrongLogin ? ". Check connection.username, connection.password and authSource" : "";
            throw Refused(connection, credential, database, $"{e.Message.TrimEnd('.')} (code {e.Code}){advice}.", MongoReply.IsNotPrimaryCode(e.Code), e);
        }
        catch (Exception e) when (e is FormatException or BsonFormatException)
        {
            throw Refused(connection, credential, database, $"{e.Message}.", isTransient: false, e);
        }
    }

    private static LockStoreException Refused(MongoConnection connection, ScramCredential credential, string database, string why, bool isTransient, Exception e) =>
        MongoFailure.Create($"Authentication of user '{credential.User}' ({Mechanism}, authSource '{database}') at {connection.Endpoint} failed: {why}", isTransient, mayHaveRun: false, e);

    private static ReadOnlyMemory<byte> Start(string payload) => new BsonWriter()
        .Int32("saslStart", 1).String("mechanism", Mechanism).Binary("payload", Encoding.UTF8.GetBytes(payload))
        .Document("options").Boolean("skipEmptyExchange", true).End().ToDocument();

    private static ReadOnlyMemory<byte> Continue(int conversation, string payload) => new BsonWriter()
        .Int32("saslContinue", 1).Int32("conversationId", conversation).Binary("payload", Encoding.UTF8.GetBytes(payload)).ToDocument();

    private static async Task<Step> RunAsync(MongoConnection connection, string database, ReadOnlyMemory<byte> command, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> reply = await connection.ExchangeAsync(database, command, cancellationToken).ConfigureAwait(false);
        MongoReply.ThrowIfNotOk(reply.Span);
        return Step.Parse(reply.Span);
    }

    private readonly record struct Step(int Id, bool Done, string Payload)
    {
        public static Step Parse(ReadOnlySpan<byte> reply)
        {
            int id = 0;
            bool done = false;
            string payload = "";
            var reader = new BsonReader(reply);
            while (reader.Read())
            {
                BsonElement field = reader.Current;
                if (field.Is("conversationId"u8)) id = (int)field.AsNumber();
                else if (field.Is("done"u8)) done = field.AsFlag();
                else if (field.Is("payload"u8)) payload = Encoding.UTF8.GetString(field.AsBinary());
            }

            return new Step(id, done, payload);
        }
    }
}
