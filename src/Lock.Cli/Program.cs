using Locking;

return CommandProgram.Run(args);
