namespace Locking.Samples;

/// <summary>A web API with locks of two kinds, each configured by itself.</summary>
public static class OrdersApi
{
    /// <summary>Makes the application. A bad configuration of its locks fails its start.</summary>
    /// <param name="args">Settings over those of appsettings.json, such as <c>--Locks:Orders:type=inMemory</c>.</param>
    public static WebApplication Build(string[] args)
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
        builder.Services.AddKeyedLock("orders", builder.Configuration.GetSection("Locks:Orders"));
        builder.Services.AddKeyedLock("reports", builder.Configuration.GetSection("Locks:Reports"));
        builder.Services.AddSingleton<Ledger>();
        WebApplication app = builder.Build();
        app.MapPost("/orders/{id}/payment", PayAsync);
        app.MapPost("/reports/{name}", ReportAsync);
        return app;
    }

    private static async Task<IResult> PayAsync(
        string id, [FromKeyedServices("orders")] ILock locks, Ledger ledger, CancellationToken stop)
    {
        await using ILockHandle? handle = await locks.TryLockNsAsync(id, stop);
        if (handle is null)
            return Results.Conflict("Somebody else is paying this order.");
        return ledger.TryPay(id, handle.FencingToken!.Value) ? Results.Ok() : Results.Conflict("The order was paid meanwhile.");
    }

    private static async Task<IResult> ReportAsync(
        string name, [FromKeyedServices("reports")] ILock locks, CancellationToken stop)
    {
        await using ILockHandle handle = await locks.LockAsync(name, TimeSpan.FromSeconds(30), stop);
        return Results.Text($"{name} was written under lock {handle.Id}.");
    }
}
