namespace Locking;

public sealed class TelemetryTests(EtcdFixture fixture) : BackendTelemetryTests("etcd"), IClassFixture<EtcdFixture>
{
    protected override ILockStore NewStore() => fixture.NewStore();
}
