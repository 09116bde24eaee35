using System.Globalization;
using System.Text;

namespace Locking;

/// <summary>Sees to it that the command does not outlive this process under a lock that others can get.</summary>
/// <remarks>
/// <para>
/// A shell in a session of its own holds the reading end of a pipe whose writing end only this process has. However this process ends, the
/// kernel closes that end, and the shell kills the command's process group and whatever else carries the lock's id in its environment,
/// waits until they are gone, and then gives the lock back. When all went well it is ended and reaped here, before that end closes: who
/// started us, or process 1 of a container, which often reaps nobody, finds nothing to clear away.
/// </para>
/// <para>
/// It is started before the command, so there is no moment without it: the pipe closes even if it has not read a word yet. Killed between
/// the start of the command and telling its number, this process leaves a command that is found by its environment.
/// </para>
/// <para>Meanwhile the lock stands, since it was taken to outlive the connection until its ttl.</para>
/// </remarks>
internal sealed unsafe class Watcher : IDisposable
{
    // Only what every /bin/sh has. Without /proc (macOS) the process group is all that can be found, and a zombie counts as alive.
    private const string Script = """
        trap '' HUP INT QUIT TERM
        exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- # where nothing better could be done at the start (musl)
        group=
        IFS= read -r group && IFS= read -r over

        alive() {
          [ -n "$group" ] || return 1
          [ -r /proc/self/stat ] || { kill -s 0 -- "-$group" 2>/dev/null; return; }
          for stat in /proc/[0-9]*/stat; do
            read -r line 2>/dev/null <"$stat" || continue
            set -- ${line##*) }
            [ "$3" = "$group" ] && [ "$1" != Z ] && return 0
          done
          return 1
        }

        [ -n "$group" ] && kill -s KILL -- "-$group" 2>/dev/null
        [ -n "$group" ] || sleep 0.2
        for found in $(grep -lsF "LOCK_ID=$LOCK_WATCH_ID" /proc/[0-9]*/environ 2>/dev/null); do
          found=${found#/proc/}
          kill -s KILL "${found%/environ}" 2>/dev/null
        done
        tries=100
        while alive; do
          tries=$((tries - 1))
          [ $tries -gt 0 ] || exit 1
          sleep 0.02
        done
        if [ -n "$LOCK_WATCH_PROGRAM" ]; then
          exec "$LOCK_WATCH_HOST" "$LOCK_WATCH_PROGRAM" release --id "$LOCK_WATCH_ID" -- "$LOCK_WATCH_KEY"
        fi
        exec "$LOCK_WATCH_HOST" release --id "$LOCK_WATCH_ID" -- "$LOCK_WATCH_KEY"
        """;

    private readonly int _pid;
    private int _pipe;

    private Watcher(int pid, int pipe)
    {
        _pid = pid;
        _pipe = pipe;
    }

    /// <summary>Starts it.</summary>
    /// <param name="handle">The lock.</param>
    /// <param name="configuration">The configuration's text, for giving the lock back; null for this user's own broker.</param>
    /// <exception cref="IOException">It could not be started.</exception>
    public static Watcher Start(ILockHandle handle, string? configuration)
    {
        (int read, int write) = LibC.Pipe();
        try
        {
            (string host, string? program) = ThisProgram.Find();
            using CStringArray environment = InheritedEnvironment.With(
                new (string Name, string? Value)[]
                {
                    ("LOCK_CONFIG", configuration),
                    ("LOCK_WATCH_KEY", handle.Key),
                    ("LOCK_WATCH_ID", handle.Id),
                    ("LOCK_WATCH_HOST", host),
                    ("LOCK_WATCH_PROGRAM", program),

                    // An outer `lock run`: its own id must not make its watcher end this one.
                    ("LOCK_ID", null),
                });
            using var arguments = new CStringArray();
            arguments.Add("/bin/sh");
            arguments.Add("-c");
            arguments.Add(Script);
            int error = PosixSpawn.StartDetached("/bin/sh", arguments, environment, read, out int pid);
            if (error != 0)
                throw new IOException($"/bin/sh could not be started (error {error.ToString(CultureInfo.InvariantCulture)}).");
            return new Watcher(pid, write);
        }
        catch
        {
            LibC.close(write);
            throw;
        }
        finally
        {
            LibC.close(read);
        }
    }

    /// <summary>Tells it the command's process group.</summary>
    public void Watch(int group) => Write($"{group.ToString(CultureInfo.InvariantCulture)}\n");

    /// <summary>All is over: the command has ended, the lock is given back. Nothing of the watcher is left.</summary>
    /// <remarks>By KILL, which also ends one that somebody has stopped; it has done nothing yet that could be left half done.</remarks>
    public void Dismiss()
    {
        LibC.kill(_pid, Signals.Kill);
        int status;
        while (LibC.waitpid(_pid, &status, 0) < 0 && LibC.Errno == LibC.Interrupted)
        {
            // Once more.
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        LibC.close(_pipe);
        _pipe = -1;
    }

    private void Write(string line)
    {
        // It may have been killed; then there is nobody to tell.
        fixed (byte* bytes = Encoding.UTF8.GetBytes(line))
            _ = LibC.write(_pipe, bytes, line.Length);
    }
}
