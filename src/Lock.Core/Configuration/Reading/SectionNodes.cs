using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Locking;

/// <summary>Turns a section of <c>IConfiguration</c>, which knows strings only, into nodes.</summary>
internal static class SectionNodes
{
    public static ConfigNode Read(IConfigurationSection section) => Read(section, "");

    private static ConfigNode Read(IConfigurationSection section, string path)
    {
        List<IConfigurationSection> children = section.GetChildren().ToList();
        if (children.Count == 0)
        {
            return section.Value is { } text
                ? new ScalarNode(path, ScalarKind.Text, text, IsUntyped: true)
                : new ScalarNode(path, ScalarKind.Null, "", IsUntyped: true);
        }

        if (path.Length > 0 && children.TrueForAll(static child => int.TryParse(child.Key, NumberStyles.None, null, out _)))
        {
            IEnumerable<ConfigNode> items = children
                .OrderBy(static child => int.Parse(child.Key, CultureInfo.InvariantCulture))
                .Select((child, index) => Read(child, $"{path}[{index}]"));
            return new ArrayNode(path, [.. items]);
        }

        IEnumerable<ConfigMember> members = children
            .Select(child => new ConfigMember(child.Key, Read(child, ConfigNode.Join(path, ConfigErrors.ShowName(child.Key)))));
        return new ObjectNode(path, [.. members]);
    }
}
