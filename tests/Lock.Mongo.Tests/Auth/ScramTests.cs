namespace Locking;

public sealed class ScramTests
{
    // RFC 7677, section 3.
    private const string Nonce = "rOprNGfwEbeRWgbNEkqO";
    private const string Challenge = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    private const string Signature = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    [Fact]
    public void The_conversation_of_RFC_7677()
    {
        ScramConversation scram = Start();
        Assert.Equal("n,,n=user,r=rOprNGfwEbeRWgbNEkqO", scram.First());
        Assert.Equal(
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            scram.Final(Challenge));
        scram.Verify(Signature);
    }

    [Fact]
    public void A_server_without_the_password_is_found_out()
    {
        ScramConversation scram = Start();
        scram.Final(Challenge);
        Assert.Throws<FormatException>(() => scram.Verify("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
        Assert.Throws<FormatException>(() => scram.Verify("v="));
        Assert.Throws<FormatException>(() => scram.Verify("e=other-error"));
        Assert.Throws<FormatException>(() => Start().Verify("v="));
    }

    [Theory]
    [InlineData("r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4095")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=99999999")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=-1")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=!,i=4096")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,i=4096")]
    [InlineData("nonsense")]
    [InlineData("")]
    public void A_bad_challenge_is_refused(string challenge) => Assert.Throws<FormatException>(() => Start().Final(challenge));

    [Fact]
    public void Special_characters_of_the_user_name_are_escaped() =>
        Assert.Equal("n,,n=a=2Cb=3Dc,r=x", new ScramConversation(new ScramCredential("a,b=c", "p"), "x").First());

    [Theory]
    [InlineData("I\u00ADX", "IX")] // RFC 4013, section 3
    [InlineData("user", "user")]
    [InlineData("USER", "USER")]
    [InlineData("a\u00A0b", "a b")]
    public void Passwords_are_prepared(string given, string prepared) => Assert.Equal(prepared, SaslPrep.Prepare(given));

    [Fact]
    public void A_control_character_in_a_password_is_refused() => Assert.Throws<FormatException>(() => SaslPrep.Prepare("a\u0007b"));

    private static ScramConversation Start() => new(new ScramCredential("user", "pencil"), Nonce);
}
