using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Locking;

/// <summary>A log that never throws: it is other people's code, and no lock depends on it.</summary>
internal sealed class QuietLogger : ILogger
{
    private readonly ILogger _inner;

    private QuietLogger(ILogger inner) => _inner = inner;

    public static ILogger Of(ILogger logger) => logger is NullLogger ? logger : new QuietLogger(logger);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel)
    {
        try
        {
            return _inner.IsEnabled(logLevel);
        }
        catch (Exception exception)
        {
            Debug.WriteLine(exception);
            return false;
        }
    }

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        try
        {
            _inner.Log(logLevel, eventId, state, exception, formatter);
        }
        catch (Exception failure)
        {
            Debug.WriteLine(failure);
        }
    }
}
