using Locking.Tests.Migration.Forms;

namespace Locking.Tests.Migration;

public sealed class KuzzleInMemoryTests : KuzzleForm
{
    protected override LockConfig Backend => new() { Type = "inMemory" };
}

public sealed class LeveregeInMemoryTests : LeveregeForm
{
    protected override LockConfig Backend => new() { Type = "inMemory" };
}

public sealed class LiveMutexInMemoryTests : LiveMutexForm
{
    protected override LockConfig Backend => new() { Type = "inMemory" };
}

public sealed class SimpleRedisMutexInMemoryTests : SimpleRedisMutexForm
{
    protected override LockConfig Backend => new() { Type = "inMemory" };
}

public sealed class DistLockInMemoryTests : DistLockForm
{
    protected override LockConfig Backend => new() { Type = "inMemory" };
}
