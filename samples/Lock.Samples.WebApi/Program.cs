using Locking.Samples;

await OrdersApi.Build(args).RunAsync();
