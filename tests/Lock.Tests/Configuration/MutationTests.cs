using System.Text;

namespace Locking.Tests.Configuration;

/// <summary>Whatever is written, the answer is a configuration or a <see cref="LockConfigException"/>, and never a secret.</summary>
public sealed class MutationTests
{
    private const string Sample =
        """
        {"namespace":"app","lockConfig":{"type":"redLock","preset":"kuzzle","retry":-1,"delay":"20ms",
         "connection":{"endpoints":[{"host":"a","port":1,"password":"hunter2"},{"url":"redis://:hunter2@b"}],"tls":true,"password":"hunter2"},
         "lockOptions":{"ttl":9000,"autoRenew":true,"maxHold":60000,"timeout":-1,"driftFactor":0.01,"quorum":2,"format":"native"}}}
        """;

    private static readonly string[] s_pieces =
    [
        "null", "true", "-1", "1e400", "1e-400", "\"\"", "\"x\"", "{}", "[]", "{", "}", "[", "]", ",", ":", "\"", "\\", "\\ud800",
        "//", "/*", "\0",
        "99999999999999999999", "0.5", "\"-\"", "\".\"", "\"+s\"", "\"1..5s\"", "\"9e99d\"", "\"NaN\"", "\"ttl\":1,", "\"TTL\":2,",
        "\"lockConfig\":{},", "ä", "😀",
    ];

    [Fact]
    public async Task Ten_thousand_mutations_give_a_configuration_or_the_one_exception()
    {
        const int Seed = 20261122;
        var random = new Random(Seed);
        int refused = 0;
        await CapturingProvider.ResolveAsync(Sample);
        for (int i = 0; i < 10_000; i++)
        {
            string text = Mutate(random);
            try
            {
                var config = LockConfig.Parse(text);
                Assert.DoesNotContain("hunter2", config.ToString(), StringComparison.Ordinal);
                await CapturingProvider.ResolveAsync(config);
            }
            catch (LockConfigException problem)
            {
                refused++;
                Assert.False(problem.ToString().Contains("hunter2", StringComparison.Ordinal), $"Seed {Seed}, round {i}: {text}");
            }
        }

        Assert.InRange(refused, 100, 9_900); // both outcomes were met, often
    }

    private static string Mutate(Random random)
    {
        var text = new StringBuilder(Sample);
        for (int count = random.Next(1, 4); count > 0; count--)
        {
            int at = random.Next(text.Length);
            switch (random.Next(8))
            {
                case 0:
                    text.Remove(at, Math.Min(random.Next(1, 12), text.Length - at));
                    break;
                case 1:
                    text.Insert(at, s_pieces[random.Next(s_pieces.Length)]);
                    break;
                default:
                    ReplaceValue(random, text, at);
                    break;
            }
        }

        return text.ToString();
    }

    /// <summary>Puts another value behind the next colon, so that most mutations are JSON still.</summary>
    private static void ReplaceValue(Random random, StringBuilder text, int from)
    {
        string all = text.ToString();
        int colon = all.IndexOf("\":", from, StringComparison.Ordinal);
        int end = colon < 0 ? -1 : all.IndexOfAny([',', '}', ']'], colon);
        if (end > 0)
            text.Remove(colon + 2, end - colon - 2).Insert(colon + 2, s_pieces[random.Next(s_pieces.Length)]);
    }
}
