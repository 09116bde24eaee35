namespace Locking;

/// <summary>What is done instead of a step that answered 0.</summary>
internal interface IScriptAlternative
{
    /// <summary>Puts it together.</summary>
    StoreStepCall Make();
}
