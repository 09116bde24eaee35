using System.Text;

namespace Locking.Conformance;

public abstract partial class LockStoreConformance
{
    private const int LongestKey = 1024;

    [Fact]
    public async Task S09_Keys_do_not_collide()
    {
        var keys = ConfusableKeys().ToList();
        Assert.Equal(keys.Count, keys.Distinct(StringComparer.Ordinal).Count());
        var held = new List<(string Key, string Id)>();
        foreach (string? key in keys)
        {
            string id = NewId();
            Assert.True((await AskAsync(Store, key, id)).IsGranted, $"'{Shown(key)}' is taken for a key that is held");
            held.Add((key, id));
        }

        // Given back one after the other: each release must free its own key and no other.
        while (held.Count > 0)
        {
            foreach ((string key, string id) in held)
                Assert.True((await Store.GetAsync(key, CancellationToken.None))?.Id == id, $"'{Shown(key)}' lost its holder");
            (string last, string lastId) = held[^1];
            held.RemoveAt(held.Count - 1);
            Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(last, lastId, CancellationToken.None));
            await AssertFreeAsync(Store, last);
        }
    }

    [Fact]
    public async Task S25_Any_characters_make_a_key()
    {
        foreach (string key in StrangeKeys())
        {
            string id = NewId();
            long first = await TakeAsync(Store, key, id);
            Assert.False((await AskAsync(NewStore(), key, NewId())).IsGranted, $"'{Shown(key)}' was granted twice");
            Assert.Equal(StoreReply.Done, await Store.TryExtendAsync(key, id, LongTtl, CancellationToken.None));
            Assert.Equal(key, (await Store.GetAsync(key, CancellationToken.None))!.Key);
            Assert.Equal([key], (await ListAsync(Store, key)).Select(info => info.Key));
            Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(key, id, CancellationToken.None));
            AssertRises(first, await CycleAsync(Store, key));
        }
    }

    /// <summary>Keys that a careless backend takes for one another, or for a record of its own beside another key.</summary>
    private IEnumerable<string> ConfusableKeys()
    {
        string key = NewKey();
        string full = key.PadRight(LongestKey, 'x');
        string[] suffixes =
        [
            "", "a", "A", "aa", "a ", "a\t", "a/b", "a_b", "a\\b", "a%2Fb", "a:b", "a.b", "a*", "a?", "a[a]", "{a}", "a}", "a{",
            "é", "e\u0301", "ß", "ss", "ı", "i", "I", "１", "1", "01", "1.0",
            ":token", ":fence", ":owner", ":queue", ":id", ".token", ".lock", ".tmp", "~", "$", "#", "a\0", "a\0b", "a\n", "a\r\n",
            "null", "..", ".",
        ];
        return [.. suffixes.Select(suffix => key + suffix), $"{{{key}}}", $"{{{key}}}:token", full[..^1], full, full[..^1] + "y",
            full[..^1] + "X"];
    }

    private IEnumerable<string> StrangeKeys()
    {
        string[] parts =
        [
            "two words", " both ends ", "{braces}", "{}", "}{", "a:b::c", "日本語", "Ünïcödé", "🔒", "\"quoted\"", "'s", "a,b;c=d&e", "%41",
            "$where", "a.b",
            "../up", "/", "\\", "*", "?[a-z]", "\u0001\u001f\u007f", "line\nbreak\r\n", "\0", "<&>", "‮right to left", "\u200b",
        ];
        foreach (string part in parts)
            yield return NewKey() + part;
        foreach (string? filler in new[] { "x", "é", "語", "🔒" })
        {
            var key = new StringBuilder(NewKey());
            while (Encoding.UTF8.GetByteCount(key.ToString()) + Encoding.UTF8.GetByteCount(filler) <= LongestKey)
                key.Append(filler);
            yield return key.ToString();
        }
    }

    private string Shown(string key) =>
        Uri.EscapeDataString(key.Replace(KeyPrefix, "…", StringComparison.Ordinal)) is { Length: > 80 } text ? text[..80] : key;
}
