using System.Collections.Concurrent;
using System.Reflection;
using System.Reflection.Emit;

namespace Locking.Conformance;

/// <summary>A store around a store: passes every step on. Derive from it what should go differently.</summary>
/// <remarks>
/// <see cref="Over{T}"/> makes one that has exactly the optional abilities of the store inside. It derives a class at run time that names
/// those interfaces; their methods are here already.
/// </remarks>
public abstract class DelegatingLockStore : ILockStore
{
    private static readonly Type[] s_abilities =
        [typeof(IReleaseSignal), typeof(IWaitingStore), typeof(ILossSignal), typeof(IForceReleaseStore), typeof(IQueueingStore)];

    private static readonly ModuleBuilder s_module = AssemblyBuilder
        .DefineDynamicAssembly(new AssemblyName("Lock.Conformance.Delegating"), AssemblyBuilderAccess.Run)
        .DefineDynamicModule("main");

    private static readonly ConcurrentDictionary<(Type Base, int Abilities), Lazy<Type>> s_made = new();

    /// <summary>Passes on to a store, and disposes it with this one.</summary>
    protected DelegatingLockStore(ILockStore inner) => Inner = inner;

    /// <inheritdoc cref="ILossSignal.LeaseLost"/>
    public virtual event Action<StoreLoss>? LeaseLost
    {
        add => ((ILossSignal)Inner).LeaseLost += value;
        remove => ((ILossSignal)Inner).LeaseLost -= value;
    }

    /// <summary>The store inside.</summary>
    public ILockStore Inner { get; }

    /// <inheritdoc/>
    public virtual string Type => Inner.Type;

    /// <summary>Makes a <typeparamref name="T"/> around a store, with the optional interfaces that the store has.</summary>
    /// <typeparam name="T">The decorator: public, not sealed, whose constructor takes the store inside,
    /// and then <paramref name="rest"/>.</typeparam>
    public static T Over<T>(ILockStore inner, params object[] rest)
        where T : DelegatingLockStore
    {
        int mask = 0;
        for (int i = 0; i < s_abilities.Length; i++)
            mask |= s_abilities[i].IsInstanceOfType(inner) ? 1 << i : 0;
        Type type = s_made.GetOrAdd((typeof(T), mask), static made => new Lazy<Type>(() => Derive(made.Base, made.Abilities))).Value;
        return (T)Activator.CreateInstance(type, [inner, .. rest])!;
    }

    /// <inheritdoc/>
    public virtual ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken) =>
        Inner.TryAcquireAsync(request, cancellationToken);

    /// <inheritdoc/>
    public virtual ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken) =>
        Inner.TryExtendAsync(key, holderId, ttl, cancellationToken);

    /// <inheritdoc/>
    public virtual ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken) =>
        Inner.TryReleaseAsync(key, holderId, cancellationToken);

    /// <inheritdoc/>
    public virtual ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken) => Inner.GetAsync(key, cancellationToken);

    /// <inheritdoc/>
    public virtual IAsyncEnumerable<LockInfo> ListAsync(string prefix, CancellationToken cancellationToken) =>
        Inner.ListAsync(prefix, cancellationToken);

    /// <inheritdoc cref="IQueueingStore.IsQueueing"/>
    public virtual bool IsQueueing => ((IQueueingStore)Inner).IsQueueing;

    /// <inheritdoc cref="IReleaseSignal.WatchAsync"/>
    public virtual ValueTask<IReleaseWatch> WatchAsync(string key, CancellationToken cancellationToken) =>
        ((IReleaseSignal)Inner).WatchAsync(key, cancellationToken);

    /// <inheritdoc cref="IWaitingStore.AcquireAsync"/>
    public virtual ValueTask<AcquireReply> AcquireAsync(AcquireRequest request, TimeSpan atMost, CancellationToken cancellationToken) =>
        ((IWaitingStore)Inner).AcquireAsync(request, atMost, cancellationToken);

    /// <inheritdoc cref="IForceReleaseStore.ForceReleaseAsync"/>
    public virtual ValueTask<bool> ForceReleaseAsync(string key, CancellationToken cancellationToken) =>
        ((IForceReleaseStore)Inner).ForceReleaseAsync(key, cancellationToken);

    /// <inheritdoc/>
    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return Inner.DisposeAsync();
    }

    private static Type Derive(Type baseType, int mask)
    {
        lock (s_module)
        {
            TypeBuilder type = s_module.DefineType($"{baseType.FullName}+{mask}", TypeAttributes.Public | TypeAttributes.Sealed, baseType);
            for (int i = 0; i < s_abilities.Length; i++)
            {
                if ((mask & (1 << i)) != 0)
                    type.AddInterfaceImplementation(s_abilities[i]);
            }

            foreach (ConstructorInfo constructor
                in baseType.GetConstructors(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance))
            {
                ParameterInfo[] parameters = constructor.GetParameters();
                ILGenerator il = type.DefineConstructor(
                    MethodAttributes.Public, CallingConventions.Standard, [.. parameters.Select(p => p.ParameterType)]).GetILGenerator();
                for (int i = 0; i <= parameters.Length; i++)
                    il.Emit(OpCodes.Ldarg, (short)i);
                il.Emit(OpCodes.Call, constructor);
                il.Emit(OpCodes.Ret);
            }

            return type.CreateType();
        }
    }
}
