using Locking.Conformance;
using Microsoft.Extensions.Time.Testing;

namespace Locking;

/// <summary>Steps wait for their turn before their time limit begins.</summary>
public sealed class StepQueueTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task As_many_as_there_are_connections_run_at_once_and_the_others_follow_in_order()
    {
        var queue = new StepQueue(2, s_patience, _time);
        Assert.True(queue.EnterAsync(default).IsCompletedSuccessfully);
        Assert.True(queue.EnterAsync(default).IsCompletedSuccessfully);
        Task third = queue.EnterAsync(default).AsTask();
        Task fourth = queue.EnterAsync(default).AsTask();
        Assert.False(third.IsCompleted);
        queue.Leave();
        await Eventually.DoneAsync(third, "the third one's turn");
        Assert.False(fourth.IsCompleted);
        queue.Leave();
        await Eventually.DoneAsync(fourth, "the fourth one's turn");
    }

    [Fact]
    public async Task Who_waits_is_patient_as_long_as_somebody_gets_an_answer()
    {
        var queue = new StepQueue(1, s_patience, _time);
        await queue.EnterAsync(default);
        Task waiting = queue.EnterAsync(default).AsTask();
        for (int i = 0; i < 5; i++)
        {
            _time.Advance(s_patience - TimeSpan.FromMilliseconds(1));
            queue.Answered();
        }

        await Eventually.SettleAsync();
        Assert.False(waiting.IsCompleted);
        queue.Leave();
        await Eventually.DoneAsync(waiting, "its turn");
    }

    [Fact]
    public async Task Nobody_waits_for_a_server_that_answers_nobody()
    {
        var queue = new StepQueue(1, s_patience, _time);
        await queue.EnterAsync(default);
        Task waiting = queue.EnterAsync(default).AsTask();
        await Eventually.SettleAsync();
        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(s_patience);
                return waiting.IsCompleted;
            },
            "given up");
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => waiting);
        Assert.True(exception.IsTransient);
        Assert.False(exception.MayHaveBeenApplied);
        Assert.Contains("5000 ms", exception.Message, StringComparison.Ordinal);
        Assert.Contains("all 1 connections of maxPoolSize", exception.Message, StringComparison.Ordinal);
        // Its place is not kept: the next one has the turn.
        Task next = queue.EnterAsync(default).AsTask();
        queue.Leave();
        await Eventually.DoneAsync(next, "the next one's turn");
    }

    [Fact]
    public async Task Who_cancels_leaves_the_queue()
    {
        var queue = new StepQueue(1, s_patience, _time);
        await queue.EnterAsync(default);
        using var cancel = new CancellationTokenSource();
        Task waiting = queue.EnterAsync(cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Task next = queue.EnterAsync(default).AsTask();
        queue.Leave();
        await Eventually.DoneAsync(next, "the next one's turn");
    }
}
