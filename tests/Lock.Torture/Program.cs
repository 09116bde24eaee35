using Locking.Torture;

return await CommandLine.RunAsync(args);
