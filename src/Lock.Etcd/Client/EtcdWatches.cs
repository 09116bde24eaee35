using System.Threading.Channels;
using Google.Protobuf;
using Grpc.Core;
using Locking.Etcd;

namespace Locking;

/// <summary>Watches single keys for their end, all of them over one stream.</summary>
internal sealed class EtcdWatches(EtcdClient client)
{
    private readonly Lock _gate = new();
    private WatchStream? _stream;

    /// <summary>Waits until a key is deleted.</summary>
    /// <param name="key">The key.</param>
    /// <param name="after">The revision at which it was there.</param>
    /// <param name="stop">Ends it.</param>
    /// <returns>True when it was deleted; false when that is not known any more (the stream broke,
    /// the revision is compacted): to be read anew.</returns>
    public async Task<bool> DeletedAsync(ByteString key, long after, CancellationToken stop)
    {
        var told = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        WatchStream? stream;
        long id;
        lock (_gate)
        {
            stream = _stream ??= DetachedFlow.Start(Open);
            id = ++stream.LastId;
            stream.Told.Add(id, told);
            var watch = new WatchCreateRequest
            {
                Key = key, StartRevision = after + 1, WatchId = id, Filters = { WatchCreateRequest.Types.FilterType.Noput },
            };
            stream.Requests.Writer.TryWrite(new WatchRequest { CreateRequest = watch });
        }

        using CancellationTokenRegistration _ = stop.UnsafeRegister(
            static (told, stop) => ((TaskCompletionSource<bool>)told!).TrySetCanceled(stop), told);
        try
        {
            return await told.Task.ConfigureAwait(false);
        }
        finally
        {
            lock (_gate)
            {
                if (stream.Told.Remove(id))
                    stream.Requests.Writer.TryWrite(new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = id } });
            }
        }
    }

    private WatchStream Open()
    {
        var stream = new WatchStream();
        _ = Task.Run(() => RunAsync(stream));
        return stream;
    }

    private async Task RunAsync(WatchStream stream)
    {
        try
        {
            using AsyncDuplexStreamingCall<WatchRequest, WatchResponse> call =
                await client.OpenAsync(static (member, options) => member.Watches.Watch(options)).ConfigureAwait(false);
            Task sending = SendAsync(stream, call);
            await foreach (WatchResponse response in call.ResponseStream.ReadAllAsync().ConfigureAwait(false))
            {
                // Refused at its making, for its user's rights or an old log-in, is the whole stream's fault: the next one logs in anew.
                if (response is { Created: true, Canceled: true })
                    break;
                if (response.Canceled || response.Events.Any(static change => change.Type == Event.Types.EventType.Delete))
                    Tell(stream, response.WatchId, !response.Canceled);
            }

            stream.Requests.Writer.TryComplete();
            await sending.ConfigureAwait(false);
        }
        catch (Exception exception)
            when (exception is RpcException or OperationCanceledException or InvalidOperationException or ObjectDisposedException)
        {
            // Whoever watches reads anew, and learns what is the matter.
        }
        finally
        {
            End(stream);
        }
    }

    private static async Task SendAsync(WatchStream stream, AsyncDuplexStreamingCall<WatchRequest, WatchResponse> call)
    {
        try
        {
            await foreach (WatchRequest request in stream.Requests.Reader.ReadAllAsync().ConfigureAwait(false))
                await call.RequestStream.WriteAsync(request).ConfigureAwait(false);
        }
        catch (Exception exception)
            when (exception is RpcException or OperationCanceledException or InvalidOperationException or ObjectDisposedException)
        {
            // The other half of the call ends with the same fault.
        }
    }

    private void Tell(WatchStream stream, long id, bool deleted)
    {
        TaskCompletionSource<bool>? told;
        lock (_gate)
            stream.Told.TryGetValue(id, out told);
        told?.TrySetResult(deleted);
    }

    private void End(WatchStream stream)
    {
        List<TaskCompletionSource<bool>> told;
        lock (_gate)
        {
            if (_stream == stream)
                _stream = null;
            stream.Requests.Writer.TryComplete();
            told = [.. stream.Told.Values];
            stream.Told.Clear();
        }

        foreach (TaskCompletionSource<bool> one in told)
            one.TrySetResult(false);
    }

    private sealed class WatchStream
    {
        public long LastId { get; set; }

        public Dictionary<long, TaskCompletionSource<bool>> Told { get; } = [];

        public Channel<WatchRequest> Requests { get; } =
            Channel.CreateUnbounded<WatchRequest>(new UnboundedChannelOptions { SingleReader = true });
    }
}
