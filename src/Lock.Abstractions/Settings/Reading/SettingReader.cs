using Locking.Providers;

namespace Locking;

/// <summary>What a configuration says of the settings of one record, each at most once.</summary>
internal sealed class SettingReader<TOwner>
{
    private readonly Dictionary<string, Said> _said = new(StringComparer.Ordinal);
    private readonly List<string> _order = [];

    /// <summary>Takes a value under one of the setting's names, or under a name of its own that means the same.</summary>
    /// <param name="setting">What it means.</param>
    /// <param name="node">The value.</param>
    /// <param name="writtenAs">How to read it, where that name has rules of its own.</param>
    /// <exception cref="LockConfigException">The value is bad, or the setting was said before, differently.</exception>
    public void Take(Setting<TOwner> setting, ConfigNode node, Setting<TOwner>? writtenAs = null) =>
        Take(setting, node, SettingParser.Parse(writtenAs ?? setting, node), writtenAs);

    /// <inheritdoc cref="Take(Setting{TOwner}, ConfigNode, Setting{TOwner})"/>
    public void Take(Setting<TOwner> setting, ConfigNode node, object? value, Setting<TOwner>? writtenAs = null)
    {
        Said said = new Said(setting, writtenAs ?? setting, node, value);
        if (!_said.TryGetValue(setting.Name, out Said? before))
        {
            _said.Add(setting.Name, said);
            _order.Add(setting.Name);
        }
        else if (!Equals(before.Value, value))
        {
            throw ConfigErrors.Twice(before.Node, node, setting);
        }
    }

    /// <summary>What was said of a setting, or null when nothing was.</summary>
    public ConfigNode? Says(Setting<TOwner> setting) => _said.TryGetValue(setting.Name, out Said? said) ? said.Node : null;

    /// <summary>Sets what was said.</summary>
    /// <exception cref="LockConfigException">A value is out of range.</exception>
    public TOwner ApplyTo(TOwner owner)
    {
        foreach (string name in _order)
        {
            Said said = _said[name];
            try
            {
                owner = said.Setting.Set(owner, said.Value);
            }
            catch (ArgumentOutOfRangeException)
            {
                // The inner exception would quote the value once more, and name the C# property instead of the setting.
                throw ConfigErrors.Bad(said.Node, said.Setting.IsSecret, "is out of range", said.WrittenAs.Allowed);
            }
        }

        return owner;
    }

    private sealed record Said(Setting<TOwner> Setting, Setting<TOwner> WrittenAs, ConfigNode Node, object? Value);
}
