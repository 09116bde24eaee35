namespace Locking;

/// <summary>A configuration that a source of a <see cref="LockBuilder"/> has.</summary>
/// <param name="Config">What it says.</param>
/// <param name="Source">Where it says so, for messages; null where the caller knows.</param>
internal sealed record FoundConfig(LockConfig Config, string? Source);
