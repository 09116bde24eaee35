using System.Reflection;
using System.Runtime.ExceptionServices;
using StackExchange.Redis;

namespace Locking;

/// <summary>A client, and its subscriber, that tell what they are asked before they do it.</summary>
public class ToldClient : DispatchProxy
{
    private object _inner = null!;
    private Action<string, object?[]> _tell = null!;
    private Action<string, object?[], object?>? _done;

    /// <param name="client">Does it.</param>
    /// <param name="tell">Told the method and its arguments, on the caller's thread.</param>
    /// <param name="done">Told the same afterwards, and what the client gave back.</param>
    public static IConnectionMultiplexer Over(
        IConnectionMultiplexer client, Action<string, object?[]> tell, Action<string, object?[], object?>? done = null) =>
        Wrap(client, tell, done);

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        _tell(targetMethod!.Name, args ?? []);
        try
        {
            object? result = targetMethod.Invoke(_inner, args);
            _done?.Invoke(targetMethod.Name, args ?? [], result);
            return result is ISubscriber subscriber ? Wrap(subscriber, _tell, _done) : result;
        }
        catch (TargetInvocationException exception) when (exception.InnerException is { } thrown)
        {
            ExceptionDispatchInfo.Throw(thrown);
            throw;
        }
    }

    private static T Wrap<T>(T inner, Action<string, object?[]> tell, Action<string, object?[], object?>? done)
        where T : class
    {
        T proxy = Create<T, ToldClient>();
        var told = (ToldClient)(object)proxy;
        (told._inner, told._tell, told._done) = (inner, tell, done);
        return proxy;
    }
}
