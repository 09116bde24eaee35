using Microsoft.Extensions.Configuration;

namespace Locking;

/// <summary>Reads a configuration from where deployments put it.</summary>
internal static class ConfigSources
{
    public static LockConfig? FromEnvironment(string variable, KnownProviders known)
    {
        string? text = Environment.GetEnvironmentVariable(variable);
        return string.IsNullOrWhiteSpace(text) ? null : ConfigText.Read(text, $"the environment variable {variable}", known);
    }

    public static LockConfig? FromConfiguration(IConfiguration configuration, KnownProviders known)
    {
        IConfigurationSection section = configuration as IConfigurationSection ?? configuration.GetSection(LockBuilderExtensions.SectionName);
        string source = $"the configuration section {section.Path}";
        return SectionNodes.Read(section) switch
        {
            ScalarNode scalar when string.IsNullOrWhiteSpace(scalar.Text) => null,
            ScalarNode { Text: var text } => ConfigText.Read(text, source, known),
            var node => ConfigText.Read(node, source, known),
        };
    }

    public static LockConfigException NoSection(IConfiguration configuration)
    {
        string name = configuration is IConfigurationSection section ? section.Path : LockBuilderExtensions.SectionName;
        return new LockConfigException(
            "", $"There is no configuration section '{name}', or it is empty. Allowed: an object such as {{\"type\": \"inMemory\"}}.");
    }
}
