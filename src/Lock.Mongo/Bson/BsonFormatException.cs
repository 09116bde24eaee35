namespace Locking;

/// <summary>Bytes that are not the BSON they should be: malformed, or a field of another type than expected.</summary>
internal sealed class BsonFormatException(string message, Exception? innerException = null) : Exception(message, innerException);
