using System.Text.Json;
using System.Text.Unicode;

namespace Locking;

/// <summary>What a line was.</summary>
internal enum WireLine
{
    /// <summary>A JSON object: the fields are set.</summary>
    Message,

    /// <summary>JSON, but no object.</summary>
    NotAnObject,

    /// <summary>Not JSON, or not UTF-8.</summary>
    Unreadable,
}

/// <summary>
/// One line, taken apart: the fields that either side of the protocol uses, each as the bytes that came. Lives as long as the line's
/// buffer. Reading allocates nothing but for escaped field names.
/// </summary>
internal ref struct WireMessage
{
    public WireValue Type;
    public WireValue Key;
    public WireValue Ttl;

    // The published protocol.
    public WireValue Uuid;
    public WireValue LockId;
    public WireValue Max;
    public WireValue Pid;
    public WireValue Force;
    public WireValue Wait;
    public WireValue RetryCount;
    public WireValue KeepLocksAfterDeath;
    public WireValue RwStatus;
    public WireValue Value;
    public WireValue Timestamp;
    public WireValue InspectCommand;
    public WireValue Keys;
    public WireValue CompositeId;
    public WireValue Acquired;
    public WireValue Unlocked;
    public WireValue Error;
    public WireValue Warning;
    public WireValue FencingToken;
    public WireValue Reelection;

    // Our own messages.
    public WireValue Number;
    public WireValue Id;
    public WireValue Owner;
    public WireValue Queue;
    public WireValue Keep;
    public WireValue Token;
    public WireValue Remaining;
    public WireValue Queued;
    public WireValue Prefix;
    public WireValue Reason;
    public WireValue Version;
    public WireValue Wire;
    public WireValue Nonce;
    public WireValue Mac;

    /// <summary>Takes one line apart (without its line end). Never throws for what stands in the line.</summary>
    public static WireLine Parse(ReadOnlySpan<byte> line, out WireMessage message)
    {
        message = default;
        if (!Utf8.IsValid(line))
            return WireLine.Unreadable;
        WireLine kind = Read(line, out message);
        if (kind != WireLine.Unreadable)
            return kind;

        // The original skips whatever stands before the first brace.
        int brace = line.IndexOf((byte)'{');
        return brace <= 0 ? WireLine.Unreadable : Read(line[brace..], out message);
    }

    private static WireLine Read(ReadOnlySpan<byte> line, out WireMessage message)
    {
        message = default;
        try
        {
            var reader = new Utf8JsonReader(line);
            if (!reader.Read())
                return WireLine.Unreadable;
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                reader.Skip();
                return reader.Read() ? WireLine.Unreadable : WireLine.NotAnObject;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                ReadOnlySpan<byte> name = reader.ValueIsEscaped ? Unescaped(ref reader) : reader.ValueSpan;
                reader.Read();
                var value = WireValue.Read(ref reader, line);
                message.Set(name, value);
            }

            return reader.TokenType == JsonTokenType.EndObject && !reader.Read() ? WireLine.Message : WireLine.Unreadable;
        }
        catch (JsonException)
        {
            message = default;
            return WireLine.Unreadable;
        }
    }

    private static ReadOnlySpan<byte> Unescaped(ref Utf8JsonReader reader)
    {
        byte[] name = new byte[reader.ValueSpan.Length];
        try
        {
            return name.AsSpan(0, reader.CopyString(name));
        }
        catch (InvalidOperationException)
        {
            // A lone surrogate in a name: no name of ours.
            return default;
        }
    }

    /// <summary>The length tells most names apart, so that one comparison is enough for each.</summary>
    private void Set(scoped ReadOnlySpan<byte> name, WireValue value)
    {
        switch (name.Length)
        {
            case <= 2:
                if (!SetIf(ref Number, "n"u8, name, value))
                    SetIf(ref Id, "id"u8, name, value);
                break;
            case 3:
                if (!SetIf(ref Key, "key"u8, name, value) && !SetIf(ref Ttl, "ttl"u8, name, value) && !SetIf(ref Max, "max"u8, name, value)
                    && !SetIf(ref Pid, "pid"u8, name, value))
                {
                    SetIf(ref Mac, "mac"u8, name, value);
                }

                break;
            case 4:
                if (!SetIf(ref Type, "type"u8, name, value) && !SetIf(ref Uuid, "uuid"u8, name, value)
                    && !SetIf(ref Keep, "keep"u8, name, value) && !SetIf(ref Wait, "wait"u8, name, value)
                    && !SetIf(ref Wire, "wire"u8, name, value))
                {
                    SetIf(ref Keys, "keys"u8, name, value);
                }

                break;
            case 5:
                if (!SetIf(ref LockId, "_uuid"u8, name, value) && !SetIf(ref Owner, "owner"u8, name, value)
                    && !SetIf(ref Queue, "queue"u8, name, value) && !SetIf(ref Token, "token"u8, name, value)
                    && !SetIf(ref Force, "force"u8, name, value) && !SetIf(ref Value, "value"u8, name, value)
                    && !SetIf(ref Error, "error"u8, name, value))
                {
                    SetIf(ref Nonce, "nonce"u8, name, value);
                }

                break;
            default:
                SetLong(name, value);
                break;
        }
    }

    private void SetLong(scoped ReadOnlySpan<byte> name, WireValue value)
    {
        switch (name.Length)
        {
            case 6:
                if (!SetIf(ref Queued, "queued"u8, name, value) && !SetIf(ref Prefix, "prefix"u8, name, value))
                    SetIf(ref Reason, "reason"u8, name, value);
                break;
            case 7:
                if (!SetIf(ref Version, "version"u8, name, value))
                    SetIf(ref Warning, "warning"u8, name, value);
                break;
            case 8:
                if (!SetIf(ref Acquired, "acquired"u8, name, value) && !SetIf(ref Unlocked, "unlocked"u8, name, value)
                    && !SetIf(ref RwStatus, "rwStatus"u8, name, value))
                {
                    SetIf(ref CompositeId, "lockUuid"u8, name, value);
                }

                break;
            case 9:
                if (!SetIf(ref Remaining, "remaining"u8, name, value))
                    SetIf(ref Timestamp, "timestamp"u8, name, value);
                break;
            case 10:
                if (!SetIf(ref RetryCount, "retryCount"u8, name, value))
                    SetIf(ref Reelection, "reelection"u8, name, value);
                break;
            case 12:
                SetIf(ref FencingToken, "fencingToken"u8, name, value);
                break;
            case 14:
                SetIf(ref InspectCommand, "inspectCommand"u8, name, value);
                break;
            case 19:
                SetIf(ref KeepLocksAfterDeath, "keepLocksAfterDeath"u8, name, value);
                break;
        }
    }

    private static bool SetIf(ref WireValue field, scoped ReadOnlySpan<byte> expected, scoped ReadOnlySpan<byte> name, WireValue value)
    {
        if (!name.SequenceEqual(expected))
            return false;
        field = value;
        return true;
    }
}
