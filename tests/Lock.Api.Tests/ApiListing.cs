using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;

namespace Locking.Api.Tests;

/// <summary>The public API of an assembly as text: one line per type and member, in a stable order.</summary>
internal static class ApiListing
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    public static string Of(Assembly assembly)
    {
        var text = new StringBuilder();
        foreach (Type? type in Libraries.PublicTypesOf(assembly).OrderBy(type => type.FullName, StringComparer.Ordinal))
        {
            text.Append(Declaration(type)).Append('\n');
            foreach (string? line in Members(type).Order(StringComparer.Ordinal))
                text.Append("    ").Append(line).Append('\n');
            text.Append('\n');
        }

        return text.ToString();
    }

    private static string Declaration(Type type)
    {
        if (type.IsEnum)
            return $"public enum {type.FullName}";
        if (type.IsSubclassOf(typeof(Delegate)))
        {
            MethodInfo invoke = type.GetMethod("Invoke")!;
            return $"public delegate {ReturnType(invoke)} {type.FullName}({Parameters(invoke)})";
        }

        var bases = new List<string>();
        if (type is { IsClass: true, BaseType: { } parent } && parent != typeof(object))
            bases.Add(TypeNames.Of(parent));
        var inherited = type.GetInterfaces().SelectMany(face => face.GetInterfaces())
            .Concat(type.BaseType?.GetInterfaces() ?? []).ToHashSet();
        bases.AddRange(type.GetInterfaces()
            .Where(face => face.IsVisible && !inherited.Contains(face) && !IsOfRecords(face))
            .Select(face => TypeNames.Of(face))
            .Order(StringComparer.Ordinal));
        return $"public {Kind(type)} {type.Namespace}.{TypeNames.Of(type)}{(bases.Count == 0 ? "" : " : " + string.Join(", ", bases))}";
    }

    private static string Kind(Type type)
    {
        if (type.IsInterface)
            return "interface";
        bool isRecord = type.GetMethod("<Clone>$", Declared) is not null
            || (type.IsValueType && type.GetMethod("PrintMembers", Declared) is not null);
        string record = isRecord ? "record " : "";
        if (type.IsValueType)
            return $"{(type.IsDefined(typeof(IsReadOnlyAttribute)) ? "readonly " : "")}{record}struct";
        string modifier = (type.IsAbstract, type.IsSealed) switch
        {
            (true, true) => "static ",
            (true, false) => "abstract ",
            (false, true) => "sealed ",
            _ => "",
        };
        return isRecord ? $"{modifier}record" : $"{modifier}class";
    }

    private static IEnumerable<string> Members(Type type)
    {
        if (type.IsEnum)
        {
            return type.GetFields(BindingFlags.Public | BindingFlags.Static)
                .Select(field =>
                    string.Create(CultureInfo.InvariantCulture,
                        $"{field.Name} = {Convert.ToInt64(field.GetRawConstantValue(), CultureInfo.InvariantCulture)}"));
        }

        if (type.IsSubclassOf(typeof(Delegate)))
            return [];
        return type.GetFields(Declared).Where(field => IsVisible(field)).Select(Field)
            .Concat(type.GetConstructors(Declared).Where(method => IsVisible(method)).Select(Constructor))
            .Concat(type.GetProperties(Declared).Where(property => property.GetAccessors(true).Any(method => IsVisible(method)))
                .Select(Property))
            .Concat(type.GetEvents(Declared).Where(change => IsVisible(change.AddMethod!)).Select(Event))
            .Concat(type.GetMethods(Declared).Where(IsOrdinary).Select(Method));
    }

    private static string Field(FieldInfo field)
    {
        string kind = field.IsLiteral ? "const" : field.IsStatic ? "static readonly" : "readonly";
        string value = field.IsLiteral ? $" = {Literal(field.GetRawConstantValue(), field.FieldType)}" : "";
        return $"{Access(field.IsPublic)} {kind} {TypeNames.Of(field.FieldType, new NullabilityInfoContext().Create(field))} "
            + $"{field.Name}{value}";
    }

    private static string Constructor(ConstructorInfo constructor) =>
        $"{Access(constructor.IsPublic)} {TypeNames.Of(constructor.DeclaringType!).Split('<')[0]}({Parameters(constructor)})";

    private static string Property(PropertyInfo property)
    {
        var accessors = new StringBuilder();
        if (property.GetMethod is { } get && IsVisible(get))
            accessors.Append("get; ");
        if (property.SetMethod is { } set && IsVisible(set))
            accessors.Append(set.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) ? "init; " : "set; ");
        MethodInfo first = property.GetAccessors(true).First(method => IsVisible(method));
        string required = property.IsDefined(typeof(RequiredMemberAttribute)) ? "required " : "";
        string type = TypeNames.Of(property.PropertyType, new NullabilityInfoContext().Create(property));
        return $"{Access(first.IsPublic)} {Modifier(first)}{required}{type} {property.Name} {{ {accessors}}}";
    }

    private static string Event(EventInfo change) =>
        $"{Access(change.AddMethod!.IsPublic)} {Modifier(change.AddMethod)}event "
            + $"{TypeNames.Of(change.EventHandlerType!, new NullabilityInfoContext().Create(change))} {change.Name}";

    private static string Method(MethodInfo method)
    {
        string generic = method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(type => type.Name))}>" : "";
        string first = method.IsDefined(typeof(ExtensionAttribute)) ? "this " : "";
        return $"{Access(method.IsPublic)} {Modifier(method)}{ReturnType(method)} {method.Name}{generic}({first}{Parameters(method)})";
    }

    private static string ReturnType(MethodInfo method) =>
        TypeNames.Of(method.ReturnType, new NullabilityInfoContext().Create(method.ReturnParameter));

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(Parameter));

    private static string Parameter(ParameterInfo parameter)
    {
        string prefix = parameter.IsDefined(typeof(ParamArrayAttribute)) || parameter.IsDefined(typeof(ParamCollectionAttribute))
            ? "params "
            : parameter.IsOut ? "out "
            : parameter.IsIn ? "in "
            : parameter.ParameterType.IsByRef ? "ref "
            : "";
        string value = parameter.HasDefaultValue ? $" = {Literal(parameter.RawDefaultValue, parameter.ParameterType)}" : "";
        return $"{prefix}{TypeNames.Of(parameter.ParameterType, new NullabilityInfoContext().Create(parameter))} {parameter.Name}{value}";
    }

    private static string Literal(object? value, Type type) => value switch
    {
        null => type.IsValueType && Nullable.GetUnderlyingType(type) is null ? "default" : "null",
        string text => $"\"{text}\"",
        bool flag => flag ? "true" : "false",
        _ when type.IsEnum => $"{type.Name}.{Enum.ToObject(type, value)}",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string Access(bool isPublic) => isPublic ? "public" : "protected";

    private static string Modifier(MethodInfo method)
    {
        if (method.IsStatic)
            return method.IsAbstract ? "static abstract " : "static ";
        if (method.DeclaringType!.IsInterface)
            return "";
        if (method.IsAbstract)
            return "abstract ";
        if (method.GetBaseDefinition() != method)
            return "override ";
        return method is { IsVirtual: true, IsFinal: false } && !method.DeclaringType.IsSealed ? "virtual " : "";
    }

    private static bool IsOrdinary(MethodInfo method) =>
        IsVisible(method) && !method.IsDefined(typeof(CompilerGeneratedAttribute)) && !method.Name.Contains('<', StringComparison.Ordinal)
        && (!method.IsSpecialName || method.Name.StartsWith("op_", StringComparison.Ordinal));

    private static bool IsVisible(MethodBase method) =>
        method.IsPublic || ((method.IsFamily || method.IsFamilyOrAssembly) && !method.DeclaringType!.IsSealed);

    private static bool IsVisible(FieldInfo field) =>
        field.IsPublic || ((field.IsFamily || field.IsFamilyOrAssembly) && !field.DeclaringType!.IsSealed);

    private static bool IsOfRecords(Type face) => face.IsGenericType && face.GetGenericTypeDefinition() == typeof(IEquatable<>);
}
