using System.Collections.Immutable;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Locking.Testing;

/// <summary>Reads from an assembly's file which members of another it uses, or which it has, as lines of text.</summary>
internal static class MemberNames
{
    /// <summary>The members of an assembly that another one names.</summary>
    public static IEnumerable<string> UsedBy(string path, string assembly)
    {
        using var file = new PEReader(File.OpenRead(path));
        var reader = file.GetMetadataReader();
        var used = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var handle in reader.MemberReferences)
        {
            var member = reader.GetMemberReference(handle);
            if (member.Parent.Kind != HandleKind.TypeReference || !IsOf(reader, (TypeReferenceHandle)member.Parent, assembly))
                continue;
            var signature = member.GetKind() == MemberReferenceKind.Method
                ? Text(member.DecodeMethodSignature(Names.Provider, null))
                : " : " + member.DecodeFieldSignature(Names.Provider, null);
            used.Add(Names.Of(reader, (TypeReferenceHandle)member.Parent) + "::" + reader.GetString(member.Name) + signature);
        }

        return used;
    }

    /// <summary>The members that an assembly has, all but the private ones.</summary>
    public static IEnumerable<string> Of(string path)
    {
        using var file = new PEReader(File.OpenRead(path));
        var reader = file.GetMetadataReader();
        var found = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var handle in reader.TypeDefinitions)
        {
            var type = reader.GetTypeDefinition(handle);
            var name = Names.Of(reader, handle);
            foreach (var method in type.GetMethods().Select(reader.GetMethodDefinition))
                found.Add(name + "::" + reader.GetString(method.Name) + Text(method.DecodeSignature(Names.Provider, null)));
            foreach (var field in type.GetFields().Select(reader.GetFieldDefinition))
                found.Add(name + "::" + reader.GetString(field.Name) + " : " + field.DecodeSignature(Names.Provider, null));
        }

        return found;
    }

    private static string Text(MethodSignature<string> signature) => $"({string.Join(", ", signature.ParameterTypes)}) : {signature.ReturnType}";

    private static bool IsOf(MetadataReader reader, TypeReferenceHandle handle, string assembly)
    {
        var scope = reader.GetTypeReference(handle).ResolutionScope;
        return scope.Kind switch
        {
            HandleKind.TypeReference => IsOf(reader, (TypeReferenceHandle)scope, assembly),
            HandleKind.AssemblyReference => reader.StringComparer.Equals(reader.GetAssemblyReference((AssemblyReferenceHandle)scope).Name, assembly),
            _ => false,
        };
    }

    private sealed class Names : ISignatureTypeProvider<string, object?>
    {
        public static readonly Names Provider = new();

        public static string Of(MetadataReader reader, TypeReferenceHandle handle)
        {
            var type = reader.GetTypeReference(handle);
            return type.ResolutionScope.Kind == HandleKind.TypeReference
                ? Of(reader, (TypeReferenceHandle)type.ResolutionScope) + "." + reader.GetString(type.Name)
                : reader.GetString(type.Namespace) + "." + reader.GetString(type.Name);
        }

        public static string Of(MetadataReader reader, TypeDefinitionHandle handle)
        {
            var type = reader.GetTypeDefinition(handle);
            return type.GetDeclaringType() is { IsNil: false } outer
                ? Of(reader, outer) + "." + reader.GetString(type.Name)
                : reader.GetString(type.Namespace) + "." + reader.GetString(type.Name);
        }

        public string GetArrayType(string elementType, ArrayShape shape) => elementType + "[,]";

        public string GetByReferenceType(string elementType) => elementType + "&";

        public string GetFunctionPointerType(MethodSignature<string> signature) => "function";

        public string GetGenericInstantiation(string genericType, ImmutableArray<string> typeArguments) => $"{genericType}<{string.Join(", ", typeArguments)}>";

        public string GetGenericMethodParameter(object? genericContext, int index) => $"!!{index}";

        public string GetGenericTypeParameter(object? genericContext, int index) => $"!{index}";

        public string GetModifiedType(string modifier, string unmodifiedType, bool isRequired) => unmodifiedType;

        public string GetPinnedType(string elementType) => elementType;

        public string GetPointerType(string elementType) => elementType + "*";

        public string GetPrimitiveType(PrimitiveTypeCode typeCode) => typeCode.ToString();

        public string GetSZArrayType(string elementType) => elementType + "[]";

        public string GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind) => Of(reader, handle);

        public string GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) => Of(reader, handle);

        public string GetTypeFromSpecification(MetadataReader reader, object? genericContext, TypeSpecificationHandle handle, byte rawTypeKind) =>
            reader.GetTypeSpecification(handle).DecodeSignature(this, genericContext);
    }
}
