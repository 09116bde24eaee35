using System.Globalization;

namespace Locking;

/// <summary>How much of something a test does: little in the suite, much when asked for.</summary>
internal static class Many
{
    public static int Of(string variable, int usual) => Environment.GetEnvironmentVariable(variable) switch
    {
        null or "" => usual,
        { } text when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int asked) && asked > 0 => asked,
        { } text => throw new InvalidOperationException($"{variable} is '{text}'; it must be a number above 0."),
    };
}
