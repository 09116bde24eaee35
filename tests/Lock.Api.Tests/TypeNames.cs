using System.Reflection;

namespace Locking.Api.Tests;

/// <summary>Writes types as C# does, with the question marks of nullable references.</summary>
internal static class TypeNames
{
    private static readonly Dictionary<Type, string> s_keywords = new()
    {
        [typeof(void)] = "void",
        [typeof(object)] = "object",
        [typeof(string)] = "string",
        [typeof(bool)] = "bool",
        [typeof(byte)] = "byte",
        [typeof(char)] = "char",
        [typeof(short)] = "short",
        [typeof(int)] = "int",
        [typeof(long)] = "long",
        [typeof(uint)] = "uint",
        [typeof(ulong)] = "ulong",
        [typeof(float)] = "float",
        [typeof(double)] = "double",
        [typeof(decimal)] = "decimal",
    };

    public static string Of(Type type, NullabilityInfo? nullability = null)
    {
        if (type.IsByRef)
            return Of(type.GetElementType()!, nullability);
        string mark = !type.IsValueType && nullability is { } info && Worst(info) == NullabilityState.Nullable ? "?" : "";
        if (type.IsArray)
            return $"{Of(type.GetElementType()!, nullability?.ElementType)}[]{mark}";
        if (Nullable.GetUnderlyingType(type) is { } value)
            return $"{Of(value)}?";
        if (s_keywords.TryGetValue(type, out string? keyword))
            return keyword + mark;
        if (!type.IsGenericType)
            return NameOf(type) + mark;
        IEnumerable<string> arguments = type.GetGenericArguments()
            .Select((argument, index) => Of(argument, nullability?.GenericTypeArguments.ElementAtOrDefault(index)));
        return $"{NameOf(type)}<{string.Join(", ", arguments)}>{mark}";
    }

    private static NullabilityState Worst(NullabilityInfo info) =>
        info.ReadState == NullabilityState.Unknown ? info.WriteState : info.ReadState;

    private static string NameOf(Type type)
    {
        string name = type.Name.Split('`')[0];
        return type is { IsNested: true, IsGenericParameter: false } ? $"{Of(type.DeclaringType!)}.{name}" : name;
    }
}
