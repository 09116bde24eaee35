namespace Locking.Torture;

/// <summary>What the machine must have for a fault.</summary>
internal static class Machine
{
    /// <summary>What it lacks for a fault; null: nothing.</summary>
    public static string? Lacks(string fault) => fault switch
    {
        "worker-clock" or "store-clock" or "minority-clock" => FakeClock.Lack,
        "store-disk-full" or "minority-disk-full" => SmallDisk.Lack,
        _ => null,
    };
}
