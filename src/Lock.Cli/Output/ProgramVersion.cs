namespace Locking;

/// <summary>Which version of the command this is.</summary>
internal static class ProgramVersion
{
    /// <summary>The version, as <c>1.2.3</c>.</summary>
    public static string Text => typeof(ProgramVersion).Assembly.GetName().Version!.ToString(3);
}
