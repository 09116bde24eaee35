using MongoDB.Bson;
using MongoDB.Bson.Serialization;
using MongoDB.Bson.Serialization.Serializers;

namespace Locking;

/// <summary>A command for one try, which knows whether the driver has begun to send it.</summary>
/// <remarks>
/// The driver encodes a command when it has a connection for it, as the last thing before the bytes leave. A failure before that, whatever
/// it is, is certainly one of a command that was never sent. Events would say the same, but a client that is lent has none for us.
/// </remarks>
internal sealed class SentCommand : BsonDocument
{
    private readonly Action? _onSending;
    private volatile bool _wasSent;

    static SentCommand() => BsonSerializer.RegisterSerializationProvider(new Encoder());

    /// <summary>Creates it.</summary>
    /// <param name="command">The command; its parts are shared.</param>
    /// <param name="onSending">Called when it is about to leave.</param>
    public SentCommand(BsonDocument command, Action? onSending = null)
    {
        AddRange(command.Elements);
        _onSending = onSending;
    }

    /// <summary>It may have left.</summary>
    public bool WasSent => _wasSent;

    private sealed class Encoder : SerializerBase<SentCommand>, IBsonSerializationProvider
    {
        public IBsonSerializer? GetSerializer(Type type) => type == typeof(SentCommand) ? this : null;

        public override void Serialize(BsonSerializationContext context, BsonSerializationArgs args, SentCommand value)
        {
            value._wasSent = true;
            value._onSending?.Invoke();
            context.Writer.WriteStartDocument();
            foreach (BsonElement field in value)
            {
                context.Writer.WriteName(field.Name);
                BsonValueSerializer.Instance.Serialize(context, field.Value);
            }

            context.Writer.WriteEndDocument();
        }
    }
}
