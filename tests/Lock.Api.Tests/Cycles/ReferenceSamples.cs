namespace Locking.Api.Tests;

internal class References
{
    public static int Count { get; set; }
}

internal sealed class Failure : Exception;

internal sealed class OfBase : References;

internal sealed class OfField
{
    public List<References[]>? Kept { get; set; }
}

internal static class OfCode
{
    public static int Read(int which)
    {
        // A table of jumps stands before the reference: its length must be read right.
        switch (which)
        {
            case 0: return 7;
            case 1: return 9;
            case 2: return 4;
            case 3: return 1;
            default: return References.Count;
        }
    }
}

internal static class OfLambda
{
    public static Func<Task<int>> Make() => static async () =>
    {
        await Task.Yield();
        return References.Count;
    };
}

internal static class OfArgument
{
    public static int Count() => Array.Empty<References>().Length;
}

internal static class OfCatch
{
    public static int Try(Func<int> what)
    {
        try
        {
            return what();
        }
        catch (Failure)
        {
            return 0;
        }
    }
}
