using Microsoft.Extensions.Configuration;

namespace Locking;

/// <summary>Reads and writes a <see cref="LockConfig"/> with the settings of all backends that are in the box: <c>LockConfig.Parse(…)</c>,
/// <c>LockConfig.FromEnvironment()</c>, <c>LockConfig.FromConfiguration(…)</c>.</summary>
public static class LockConfigExtensions
{
    /// <summary>The environment variable that is read unless another is named.</summary>
    public const string EnvironmentVariable = LockBuilderExtensions.EnvironmentVariable;

    /// <summary>The section of <c>IConfiguration</c> that is read unless a section is given.</summary>
    public const string SectionName = LockBuilderExtensions.SectionName;

    extension(LockConfig)
    {
        /// <summary>Reads a configuration from JSON, or from the file that is named after an <c>@</c>.</summary>
        /// <param name="json">JSON with comments and trailing commas allowed, or <c>@</c> and the path of a file that holds it.</param>
        /// <returns>What the text says; the preset is named and not yet applied. What a type that is not in the box has of settings is
        /// judged when the lock is created.</returns>
        /// <exception cref="LockConfigException">The text is empty or not JSON, the file cannot be read, or a setting is unknown, of the
        /// wrong type or out of range. The message names the setting, the value (never a secret) and what is allowed.</exception>
        public static LockConfig Parse(string json)
        {
            ArgumentNullException.ThrowIfNull(json);
            return ConfigText.Read(json, source: null, BuiltInProviders.Known);
        }

        /// <summary>The JSON Schema of a configuration with all backends in the box, for editors: what <c>lock config --schema</c>
        /// prints.</summary>
        public static string Schema() => ConfigSchema.Write(BuiltInProviders.Known);

        /// <summary>Reads a configuration from an environment variable, in the form of <see cref="Parse"/>.</summary>
        /// <param name="variable">The variable's name.</param>
        /// <returns>What the variable says, or null when it is not set, empty or blank, so that a caller's default can follow:
        /// <c>LockConfig.FromEnvironment() ?? new LockConfig { Type = "broker" }</c>.</returns>
        /// <inheritdoc cref="Parse" path="/exception"/>
        public static LockConfig? FromEnvironment(string variable = EnvironmentVariable)
        {
            ArgumentException.ThrowIfNullOrEmpty(variable);
            return ConfigSources.FromEnvironment(variable, BuiltInProviders.Known)?.Config;
        }

        /// <summary>Reads a configuration from <c>IConfiguration</c>: the same shape and the same rules as JSON.</summary>
        /// <param name="configuration">The section itself, or a whole configuration, of which the section <c>Lock</c> is read. A section
        /// that is a single text is read as JSON.</param>
        /// <returns>What the section says, or null when there is no such section or it is empty.</returns>
        /// <inheritdoc cref="Parse" path="/exception"/>
        public static LockConfig? FromConfiguration(IConfiguration configuration)
        {
            ArgumentNullException.ThrowIfNull(configuration);
            return ConfigSources.FromConfiguration(configuration, BuiltInProviders.Known)?.Config;
        }
    }

    /// <summary>Writes the settings of <see cref="LockConfig.Preset"/> out, below what is set explicitly. A preset may bring a type
    /// along.</summary>
    /// <param name="config">The configuration.</param>
    /// <returns>The same configuration when it has no preset; applying one again changes nothing.</returns>
    /// <exception cref="LockConfigException">The preset is unknown.</exception>
    public static LockConfig ApplyPreset(this LockConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return ConfigResolver.ApplyPreset(config, BuiltInProviders.Known);
    }

    /// <summary>Writes the configuration as JSON that <c>LockConfig.Parse</c> reads, without its secrets: passwords and shared secrets are
    /// left out, and so is an address that may hold one, and what no backend in the box has.</summary>
    /// <param name="config">The configuration.</param>
    public static string ToJson(this LockConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return ConfigWriter.Write(config, BuiltInProviders.Known);
    }
}
