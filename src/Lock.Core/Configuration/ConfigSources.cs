using Microsoft.Extensions.Configuration;

namespace Locking;

/// <summary>Reads a configuration from where deployments put it.</summary>
internal static class ConfigSources
{
    public static FoundConfig? FromEnvironment(string variable, KnownProviders known)
    {
        string? text = Environment.GetEnvironmentVariable(variable);
        string source = $"the environment variable {variable}";
        return string.IsNullOrWhiteSpace(text) ? null : new FoundConfig(ConfigText.Read(text, source, known), source);
    }

    public static FoundConfig? FromConfiguration(IConfiguration configuration, KnownProviders known)
    {
        IConfigurationSection section =
            configuration as IConfigurationSection ?? configuration.GetSection(LockBuilderExtensions.SectionName);
        string source = $"the configuration section {section.Path}";
        return SectionNodes.Read(section) switch
        {
            ScalarNode scalar when string.IsNullOrWhiteSpace(scalar.Text) => null,
            ScalarNode { Text: var text } => new FoundConfig(ConfigText.Read(text, source, known), source),
            ConfigNode node => new FoundConfig(ConfigText.Read(node, source, known), source),
        };
    }

    public static LockConfigException NoSection(IConfiguration configuration)
    {
        string name = configuration is IConfigurationSection section ? section.Path : LockBuilderExtensions.SectionName;
        return new LockConfigException(
            "", $"There is no configuration section '{name}', or it is empty. Allowed: an object such as {{\"type\": \"inMemory\"}}.");
    }
}
