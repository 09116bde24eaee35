namespace Locking;

/// <summary>Copies a document and replaces fields on the way, at every depth.</summary>
internal static class BsonRewrite
{
    /// <returns>True when the field was dealt with: something else was written, or it is left out.</returns>
    public delegate bool Replace(BsonWriter to, BsonElement field);

    public static byte[] Copy(ReadOnlySpan<byte> document, Replace replace)
    {
        var writer = new BsonWriter();
        CopyInto(writer, document, replace);
        return writer.ToDocument().ToArray();
    }

    public static byte[] Without(ReadOnlySpan<byte> document, params string[] names) => Copy(document, (_, field) => names.Contains(field.NameText));

    public static void CopyInto(BsonWriter to, ReadOnlySpan<byte> document, Replace replace)
    {
        var reader = new BsonReader(document);
        while (reader.Read())
        {
            BsonElement field = reader.Current;
            if (replace(to, field)) continue;
            if (field.Type is BsonType.Document or BsonType.Array)
            {
                if (field.Type == BsonType.Document) to.Document(field.NameText);
                else to.Array(field.NameText);
                CopyInto(to, field.Value, replace);
                to.End();
            }
            else
            {
                to.Raw(field.Type, field.NameText, field.Value);
            }
        }
    }
}
