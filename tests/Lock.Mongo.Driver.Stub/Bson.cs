// What the adapter in src/Lock.Mongo.Driver uses of MongoDB.Bson 3.x: signatures as its documentation has them, bodies as small as they can be.

using MongoDB.Bson.IO;
using MongoDB.Bson.Serialization;

namespace MongoDB.Bson.IO
{
    public interface IByteBuffer : IDisposable
    {
        int Length { get; set; }

        void GetBytes(int position, byte[] destination, int offset, int count);
    }

    public class BsonBinaryWriterSettings
    {
    }

    internal sealed class StubBuffer(byte[] bytes) : IByteBuffer
    {
        private byte[] _bytes = bytes;

        public int Length
        {
            get => Bytes.Length;
            set => throw new NotSupportedException();
        }

        private byte[] Bytes => _bytes ?? throw new ObjectDisposedException(nameof(IByteBuffer));

        public void GetBytes(int position, byte[] destination, int offset, int count) => Bytes.AsSpan(position, count).CopyTo(destination.AsSpan(offset));

        public void Dispose() => _bytes = null;
    }
}

namespace MongoDB.Bson.Serialization
{
    public interface IBsonSerializer
    {
    }

    public interface IBsonSerializer<TValue> : IBsonSerializer
    {
    }

    public struct BsonSerializationArgs
    {
    }

    public class BsonSerializationContext
    {
        public class Builder
        {
        }
    }
}

namespace MongoDB.Bson
{
    public abstract class BsonValue
    {
    }

    public class BsonDocument : BsonValue
    {
        // The driver has elements; the stub only ever has the bytes of a reply.
        internal byte[] Encoded { get; init; }

        public static BsonDocument FromStub(byte[] bytes) => new() { Encoded = bytes };
    }

    public class RawBsonDocument : BsonDocument, IDisposable
    {
        private readonly StubBuffer _slice;

        public RawBsonDocument(byte[] bytes)
        {
            ArgumentNullException.ThrowIfNull(bytes);
            Encoded = bytes;
            _slice = new StubBuffer(bytes);
        }

        public IByteBuffer Slice => _slice;

        public void Dispose() => _slice.Dispose();
    }

    public static class BsonExtensionMethods
    {
        public static byte[] ToBson<TNominalType>(
            this TNominalType obj,
            IBsonSerializer<TNominalType> serializer = null,
            BsonBinaryWriterSettings writerSettings = null,
            Action<BsonSerializationContext.Builder> configurator = null,
            BsonSerializationArgs args = default,
            int estimatedBsonSize = 0) => [.. ((BsonDocument)(object)obj).Encoded];
    }
}
