namespace Locking;

/// <summary>The lock options that this backend cannot honour, and whose silent loss would change what a lock promises.</summary>
internal static class MongoOptionRules
{
    /// <summary>Checks them.</summary>
    /// <param name="options">The options.</param>
    /// <param name="refuse">Makes the exception from the option's path and the message.</param>
    public static void Check(LockOptions options, Func<string, string, Exception> refuse)
    {
        if (options.Format is { } format && format != LockFormats.Native) throw refuse("lockOptions.format", $"is '{format}'; backend mongo has '{LockFormats.Native}' only.");
        if (options.Replicas is > 0) throw refuse("lockOptions.replicas", $"is {options.Replicas}; backend mongo has connection.writeConcern instead (leave replicas out, or 0).");
        if (options.Fair == true) throw refuse("lockOptions.fair", "is true; backend mongo keeps no queue between processes (false is allowed; inside a process the order is always first in, first out).");
        if (options.Wait == WaitMode.Notify) throw refuse("lockOptions.wait", "is notify; backend mongo gives no notices (auto and poll are allowed).");
    }
}
