using Microsoft.Extensions.Logging;

namespace Locking.Core.Tests;

/// <summary>A log that fails when it is told to.</summary>
internal sealed class ThrowingLogger : ILoggerFactory, ILogger
{
    public bool Throws { get; set; }

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        if (Throws)
            throw new InvalidDataException("the disk is full");
    }

    public void Dispose()
    {
    }
}
