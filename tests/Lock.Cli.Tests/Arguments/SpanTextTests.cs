namespace Locking.Cli.Tests.Arguments;

public sealed class SpanTextTests
{
    [Theory]
    [InlineData("200ms", 200)]
    [InlineData("30s", 30_000)]
    [InlineData("1.5m", 90_000)]
    [InlineData("2h", 7_200_000)]
    [InlineData("1d", 86_400_000)]
    [InlineData("0", 0)]
    [InlineData("0.0", 0)]
    public void Times_are_read(string text, long milliseconds) =>
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), SpanText.TryParse(text));

    [Theory]
    [InlineData("30", 30_000)]
    [InlineData("0.5", 500)]
    [InlineData("500ms", 500)]
    [InlineData("5m", 300_000)]
    public void A_bare_number_is_seconds_only_where_the_option_says_so(string text, long milliseconds)
    {
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), SpanText.TryParse(text, bareSeconds: true));
        bool bare = char.IsAsciiDigit(text[^1]);
        Assert.Equal(bare, SpanText.TryParse(text) is null);
        Assert.Equal(bare, SpanText.IsBareNumber(text));
    }

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("ms")]
    [InlineData("-1s")]
    [InlineData("1 s")]
    [InlineData("1w")]
    [InlineData("1e3")]
    [InlineData("NaN")]
    [InlineData("99999999999999999999d")]
    public void Anything_else_is_not(string text) => Assert.Null(SpanText.TryParse(text));

    [Theory]
    [InlineData(12_340, "12.3 s")]
    [InlineData(250_000, "4 min 10 s")]
    [InlineData(7_500_000, "2 h 5 min")]
    [InlineData(-1, "never expires")]
    public void Times_are_shown(long milliseconds, string text) =>
        Assert.Equal(text, SpanText.Show(TimeSpan.FromMilliseconds(milliseconds)));
}
