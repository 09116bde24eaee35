namespace Locking;

/// <summary>A disk without room for the record.</summary>
public sealed class FullDiskTests
{
    [Fact]
    public void A_broker_that_cannot_write_its_record_does_not_start_and_says_which_file()
    {
        string directory = Directory.CreateTempSubdirectory("lock-full-").FullName;
        string path = Path.Combine(directory, "state");
        File.CreateSymbolicLink(path, "/dev/full");
        var options = new BrokerServerOptions { Host = "127.0.0.1", Port = 0, StatePath = path };
        var server = new BrokerServer(options);
        LockStoreException problem = Assert.Throws<LockStoreException>(() => server.TryStart());
        Assert.False(problem.IsTransient);
        Assert.Contains($"The record '{path}' cannot be used", problem.Message, StringComparison.Ordinal);
        Assert.Equal(0, server.Port);
        Directory.Delete(directory, recursive: true);
    }
}
