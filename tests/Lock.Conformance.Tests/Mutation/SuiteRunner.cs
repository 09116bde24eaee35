using System.Reflection;
using Xunit.Sdk;

namespace Locking.Conformance.Tests.Mutation;

/// <summary>Runs the facts of a suite as the test runner does: a new instance for each, and theories once per row.</summary>
internal static class SuiteRunner
{
    /// <returns>The facts that failed, with the reason. Runs those whose name begins with the prefix; at least one must.</returns>
    public static async Task<IReadOnlyList<(string Fact, Exception Fault)>> FailuresAsync(Func<ConformanceSuite> suite, string prefix)
    {
        var failures = new List<(string, Exception)>();
        var facts = FactsOf(suite().GetType(), prefix).ToList();
        Assert.NotEmpty(facts);
        foreach ((MethodInfo fact, object?[]? arguments) in facts)
        {
            if (await RunAsync(suite(), fact, arguments) is { } fault)
                failures.Add((fact.Name, fault));
        }

        return failures;
    }

    private static IEnumerable<(MethodInfo Fact, object?[] Arguments)> FactsOf(Type suite, string prefix)
    {
        foreach (MethodInfo? fact in suite.GetMethods(BindingFlags.Public | BindingFlags.Instance)
            .Where(method => method.Name.StartsWith(prefix, StringComparison.Ordinal)))
        {
            if (fact.GetCustomAttribute<TheoryAttribute>() is not null)
            {
                foreach (object[]? row in fact.GetCustomAttributes<DataAttribute>().SelectMany(data => data.GetData(fact)))
                    yield return (fact, row);
            }
            else if (fact.GetCustomAttribute<FactAttribute>() is not null)
            {
                yield return (fact, []);
            }
        }
    }

    private static async Task<Exception?> RunAsync(ConformanceSuite suite, MethodInfo fact, object?[] arguments)
    {
        await suite.InitializeAsync();
        Exception fault = await Record.ExceptionAsync(async () =>
        {
            if (fact.Invoke(suite, arguments) is Task task)
                await Eventually.DoneAsync(task, "the fact", TimeSpan.FromSeconds(60));
        });
        // A store that is broken may not be cleaned up either: only the fact counts.
        await Record.ExceptionAsync(() => Eventually.DoneAsync(suite.DisposeAsync(), "the end", TimeSpan.FromSeconds(10)));
        return fault is TargetInvocationException { InnerException: { } inner } ? inner : fault;
    }
}
