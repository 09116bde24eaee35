using System.Reflection;
using System.Runtime.CompilerServices;

namespace Locking.Api.Tests;

/// <summary>Habits that every public type keeps.</summary>
public sealed class ShapeTests
{
    /// <summary>Giving back is never cancelled half-way: it has a time limit of its own (releaseTimeout).</summary>
    private static readonly string[] s_withoutCancellation = ["DisposeAsync", "ILockHandle.UnlockAsync", "BoundLock.UnlockAsync"];

    [Fact]
    public void Public_types_stand_in_the_namespaces_of_users_and_of_providers() =>
        AssertNone(Libraries.PublicTypes.Where(type =>
            type.Namespace is not ("Locking" or "Locking.Providers")
                && !(type.Namespace == "Microsoft.Extensions.DependencyInjection" && type is { IsAbstract: true, IsSealed: true }))
                    .Select(type => type.FullName!));

    [Fact]
    public void Public_classes_are_sealed_abstract_or_static() =>
        AssertNone(Libraries.PublicTypes.Where(type => type is { IsClass: true, IsSealed: false, IsAbstract: false })
            .Select(type => type.FullName!));

    [Fact]
    public void Handles_are_made_by_granting_alone()
    {
        var handles = Libraries.Assemblies.SelectMany(assembly => assembly.GetTypes())
            .Where(type => type.IsClass && type.IsAssignableTo(typeof(ILockHandle)))
            .ToList();

        Assert.NotEmpty(handles);
        AssertNone(handles.Where(type => type.IsVisible && type.GetConstructors().Length > 0).Select(type => type.FullName!));
    }

    [Fact]
    public void Libraries_write_to_no_console() =>
        AssertNone(Libraries.Assemblies
            .Where(assembly => assembly.GetReferencedAssemblies().Any(reference => reference.Name == "System.Console"))
            .Select(assembly => assembly.GetName().Name!));

    [Fact]
    public void Awaitable_methods_end_in_Async() =>
        AssertNone(Methods().Where(method => IsAwaitable(method) && !method.Name.EndsWith("Async", StringComparison.Ordinal))
            .Select(NameOf));

    [Fact]
    public void Awaitable_methods_take_a_cancellation_token_last()
    {
        IEnumerable<MethodInfo> without = Methods().Where(method => IsAwaitable(method) && !IsExempt(method)).Where(method =>
            method.GetParameters().LastOrDefault() is not { Name: "cancellationToken" } last
                || last.ParameterType != typeof(CancellationToken));

        AssertNone(without.Select(NameOf));
    }

    [Fact]
    public void A_bare_time_in_a_call_that_takes_a_lock_is_the_wait() =>
        AssertNone(TakingMethods()
            .SelectMany(static method => method.GetParameters())
            .Where(static parameter => (Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType) == typeof(TimeSpan)
                && parameter.Name != "waitTimeout")
            .Select(static parameter => $"{NameOf((MethodInfo)parameter.Member)}({parameter.Name})"));

    [Fact]
    public void The_four_calls_that_take_a_lock_have_the_same_overloads()
    {
        ILookup<string, string> overloads = TakingMethods()
            .Where(static method => method.DeclaringType != typeof(BoundLock))
            .ToLookup(static method => method.Name,
                static method => string.Join(", ", method.GetParameters().Select(static p => $"{p.ParameterType.Name} {p.Name}")));

        Assert.Equal(["LockAsync", "LockNsAsync", "TryLockAsync", "TryLockNsAsync"],
            overloads.Select(static group => group.Key).Order(StringComparer.Ordinal));
        foreach (IGrouping<string, string> group in overloads)
            Assert.Equal(overloads["LockAsync"].Order(StringComparer.Ordinal), group.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Properties_do_not_change_after_construction() =>
        AssertNone(Libraries.PublicTypes
            .Where(type => !IsConfigured(type))
            .SelectMany(type =>
                type.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
            .Where(property => property.SetMethod is { IsPublic: true } set
                && !set.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)))
            .Select(property => $"{property.DeclaringType!.Name}.{property.Name}"));

    /// <summary>What a callback of the application sets, as options are.</summary>
    private static bool IsConfigured(Type type) => type == typeof(LockBuilder) || type.Name.EndsWith("Settings", StringComparison.Ordinal);

    [Fact]
    public void Exceptions_of_the_contract_have_one_base() =>
        AssertNone(Libraries.PublicTypes
            .Where(type => type.IsAssignableTo(typeof(Exception)) && !type.IsAssignableTo(typeof(LockException)))
            .Select(type => type.FullName!));

    private static IEnumerable<MethodInfo> Methods() =>
        Libraries.PublicTypes
            .SelectMany(type =>
                type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
            .Where(method => !method.IsSpecialName && !method.IsDefined(typeof(CompilerGeneratedAttribute)));

    private static IEnumerable<MethodInfo> TakingMethods() =>
        Methods().Where(static method => method.DeclaringType!.Assembly == typeof(ILock).Assembly
            && method.Name is "LockAsync" or "TryLockAsync" or "LockNsAsync" or "TryLockNsAsync");

    private static bool IsAwaitable(MethodInfo method)
    {
        Type type = method.ReturnType.IsGenericType ? method.ReturnType.GetGenericTypeDefinition() : method.ReturnType;
        return type == typeof(Task) || type == typeof(Task<>) || type == typeof(ValueTask) || type == typeof(ValueTask<>)
            || type == typeof(IAsyncEnumerable<>);
    }

    private static bool IsExempt(MethodInfo method) =>
        s_withoutCancellation.Contains(method.Name) || s_withoutCancellation.Contains(NameOf(method));

    private static string NameOf(MethodInfo method) => $"{method.DeclaringType!.Name}.{method.Name}";

    private static void AssertNone(IEnumerable<string> offenders) => Assert.Empty(offenders);
}
