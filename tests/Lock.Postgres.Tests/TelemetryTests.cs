namespace Locking;

public sealed class TelemetryTests(SharedServer fixture) : BackendTelemetryTests("postgres"), IClassFixture<SharedServer>
{
    protected override ILockStore NewStore() => TestStore.Create(fixture.Server.ConnectionString);
}
