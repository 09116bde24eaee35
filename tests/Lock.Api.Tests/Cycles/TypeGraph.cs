using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Locking.Api.Tests;

/// <summary>Which types of an assembly refer to which, as it was compiled.</summary>
/// <remarks>
/// A reference is: a base type, an interface, a constraint, the type of a field, what a method takes, gives back or keeps in a variable,
/// and every type, method and field that its code names, also inside of generic arguments. Nested types, and what the compiler makes of
/// lambdas and asynchronous methods, count as the type that they stand in. Attributes, comments, and constants, which the compiler copies,
/// do not count.
/// </remarks>
internal sealed class TypeGraph
{
    private static readonly Dictionary<short, OpCode> s_opCodesByValue = typeof(OpCodes)
        .GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(static field => (OpCode)field.GetValue(null)!).ToDictionary(static code => code.Value);

    private readonly MetadataReader _metadata;
    private readonly PEReader _file;
    private readonly Dictionary<string, HashSet<string>> _references = new(StringComparer.Ordinal);
    private HashSet<string> _seen = [];

    private TypeGraph(PEReader file)
    {
        _file = file;
        _metadata = file.GetMetadataReader();
    }

    /// <summary>Reads an assembly.</summary>
    /// <returns>For each type the others that it refers to.</returns>
    public static IReadOnlyDictionary<string, HashSet<string>> Read(string path)
    {
        using var file = new PEReader(File.OpenRead(path));
        var graph = new TypeGraph(file);
        foreach (TypeDefinitionHandle handle in graph._metadata.TypeDefinitions)
            graph.ReadType(handle);
        return graph._references;
    }

    private void ReadType(TypeDefinitionHandle handle)
    {
        string name = NameOf(handle);
        if (!_references.TryGetValue(name, out HashSet<string>? seen))
            _references.Add(name, seen = new HashSet<string>(StringComparer.Ordinal));
        _seen = seen;
        TypeDefinition type = _metadata.GetTypeDefinition(handle);
        See(type.BaseType);
        foreach (InterfaceImplementationHandle implemented in type.GetInterfaceImplementations())
            See(_metadata.GetInterfaceImplementation(implemented).Interface);
        SeeConstraints(type.GetGenericParameters());
        foreach (FieldDefinitionHandle field in type.GetFields())
            _metadata.GetFieldDefinition(field).DecodeSignature(new Signatures(this), null);
        foreach (MethodDefinitionHandle method in type.GetMethods())
            ReadMethod(_metadata.GetMethodDefinition(method));
        seen.Remove(name);
    }

    private void ReadMethod(MethodDefinition method)
    {
        method.DecodeSignature(new Signatures(this), null);
        SeeConstraints(method.GetGenericParameters());
        if (method.RelativeVirtualAddress == 0)
            return;
        MethodBodyBlock body = _file.GetMethodBody(method.RelativeVirtualAddress);
        if (!body.LocalSignature.IsNil)
            _metadata.GetStandaloneSignature(body.LocalSignature).DecodeLocalSignature(new Signatures(this), null);
        foreach (ExceptionRegion region in body.ExceptionRegions)
            See(region.CatchType);
        BlobReader code = body.GetILReader();
        while (code.RemainingBytes > 0)
            ReadInstruction(ref code);
    }

    private void ReadInstruction(ref BlobReader code)
    {
        int first = code.ReadByte();
        OpCode instruction = s_opCodesByValue[first == 0xFE ? (short)((first << 8) | code.ReadByte()) : (short)first];
        switch (instruction.OperandType)
        {
            case OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType
                or OperandType.InlineSig:
                See(MetadataTokens.EntityHandle(code.ReadInt32()));
                break;
            case OperandType.InlineSwitch:
                int targets = code.ReadInt32();
                code.Offset += 4 * targets;
                break;
            default:
                code.Offset += SizeOf(instruction.OperandType);
                break;
        }
    }

    private static int SizeOf(OperandType operand) => operand switch
    {
        OperandType.InlineNone => 0,
        OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
        OperandType.InlineVar => 2,
        OperandType.InlineI8 or OperandType.InlineR => 8,
        _ => 4,
    };

    private void SeeConstraints(GenericParameterHandleCollection parameters)
    {
        foreach (GenericParameterHandle parameter in parameters)
        {
            foreach (GenericParameterConstraintHandle constraint in _metadata.GetGenericParameter(parameter).GetConstraints())
                See(_metadata.GetGenericParameterConstraint(constraint).Type);
        }
    }

    private void See(EntityHandle handle)
    {
        if (handle.IsNil)
            return;
        switch (handle.Kind)
        {
            case HandleKind.TypeDefinition:
                _seen.Add(NameOf((TypeDefinitionHandle)handle));
                break;
            case HandleKind.TypeSpecification:
                _metadata.GetTypeSpecification((TypeSpecificationHandle)handle).DecodeSignature(new Signatures(this), null);
                break;
            case HandleKind.MethodDefinition:
                See(_metadata.GetMethodDefinition((MethodDefinitionHandle)handle).GetDeclaringType());
                break;
            case HandleKind.FieldDefinition:
                See(_metadata.GetFieldDefinition((FieldDefinitionHandle)handle).GetDeclaringType());
                break;
            case HandleKind.MemberReference:
                See(_metadata.GetMemberReference((MemberReferenceHandle)handle).Parent);
                break;
            case HandleKind.MethodSpecification:
                MethodSpecification method = _metadata.GetMethodSpecification((MethodSpecificationHandle)handle);
                method.DecodeSignature(new Signatures(this), null);
                See(method.Method);
                break;
            default:
                break; // another assembly's
        }
    }

    /// <summary>The name of the type that a type stands in, or its own.</summary>
    private string NameOf(TypeDefinitionHandle handle)
    {
        TypeDefinition type = _metadata.GetTypeDefinition(handle);
        while (!type.GetDeclaringType().IsNil)
            type = _metadata.GetTypeDefinition(type.GetDeclaringType());
        return _metadata.GetString(type.Name);
    }

    /// <summary>Sees every type of this assembly that a signature names.</summary>
    private sealed class Signatures(TypeGraph graph) : ISignatureTypeProvider<bool, object?>
    {
        public bool GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind)
        {
            graph.See(handle);
            return true;
        }

        public bool GetTypeFromSpecification(MetadataReader reader, object? genericContext, TypeSpecificationHandle handle,
            byte rawTypeKind)
        {
            graph.See(handle);
            return true;
        }

        public bool GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) => true;

        public bool GetArrayType(bool elementType, ArrayShape shape) => true;

        public bool GetByReferenceType(bool elementType) => true;

        public bool GetFunctionPointerType(MethodSignature<bool> signature) => true;

        public bool GetGenericInstantiation(bool genericType, System.Collections.Immutable.ImmutableArray<bool> typeArguments) => true;

        public bool GetGenericMethodParameter(object? genericContext, int index) => true;

        public bool GetGenericTypeParameter(object? genericContext, int index) => true;

        public bool GetModifiedType(bool modifier, bool unmodifiedType, bool isRequired) => true;

        public bool GetPinnedType(bool elementType) => true;

        public bool GetPointerType(bool elementType) => true;

        public bool GetPrimitiveType(PrimitiveTypeCode typeCode) => true;

        public bool GetSZArrayType(bool elementType) => true;
    }
}
