namespace Locking.Core.Tests;

public sealed class BackoffTests
{
    [Theory]
    [InlineData(50, 1000, "50 100 200 400 800 1000 1000")]
    [InlineData(300, 100, "100 100")]
    [InlineData(0, 0, "0 0")]
    public void Pauses_double_up_to_the_longest(int first, int longest, string pauses)
    {
        var backoff = new Backoff(TimeSpan.FromMilliseconds(first), TimeSpan.FromMilliseconds(longest));
        string[] expected = pauses.Split(' ');
        for (int i = 0; i < expected.Length; i++)
        {
            string pause = backoff.Next().TotalMilliseconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
            Assert.Equal(expected[i], pause);
            Assert.Equal(
                expected[i],
                Backoff.After(i, TimeSpan.FromMilliseconds(first), TimeSpan.FromMilliseconds(longest)).TotalMilliseconds
                    .ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
    }
}
