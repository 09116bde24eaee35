using System.Globalization;
using System.Threading.Channels;

namespace Locking.Torture.Tests;

/// <summary>The clocks and disks that processes of the storm get.</summary>
public class MachineTests
{
    [Fact]
    public async Task A_running_process_sees_the_steps_of_its_clock()
    {
        using FakeClock clock = new();
        Channel<string> said = Channel.CreateUnbounded<string>();
        using ChildProcess process = new("perl", ["-e", "$| = 1; while (<STDIN>) { print time, \"\\n\" }"], clock.Environment(),
            line => said.Writer.TryWrite(line));
        foreach (int hours in (int[])[0, 2, -2, 0])
        {
            clock.Set(TimeSpan.FromHours(hours));
            long before = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
            process.Say("now");
            long its = long.Parse(await said.Reader.ReadAsync(), CultureInfo.InvariantCulture) - (hours * 3600);
            Assert.InRange(its, before, TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());
        }
    }

    [Fact]
    public async Task A_small_disk_is_full_until_it_is_emptied()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("lock-torture-");
        string file = Path.Combine(folder.FullName, "file");
        if (SmallDisk.Lack is { } lack)
        {
            InvalidOperationException exception =
                await Assert.ThrowsAsync<InvalidOperationException>(() => SmallDisk.MountAsync(folder.FullName, 1));
            Assert.Equal(lack, exception.Message);
        }
        else
        {
            await using SmallDisk disk = await SmallDisk.MountAsync(folder.FullName, megabytes: 1);
            disk.Fill();
            await Assert.ThrowsAsync<IOException>(() => File.WriteAllTextAsync(file, "text"));
            disk.Empty();
            await File.WriteAllTextAsync(file, "text");
        }

        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_fault_that_the_machine_cannot_do_is_an_error_that_says_why()
    {
        if (SmallDisk.Lack is not { } lack)
            return;
        StormOptions options = new("broker", Seed: 1, TimeSpan.FromSeconds(1), Directory.CreateTempSubdirectory("lock-torture-").FullName)
        {
            Faults = ["store-disk-full"],
        };
        InvalidOperationException error = await Assert.ThrowsAsync<InvalidOperationException>(() => Storm.RunAsync(options));
        Assert.Equal("store-disk-full: " + lack, error.Message);
    }
}
