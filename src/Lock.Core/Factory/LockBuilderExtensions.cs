using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Locking;

/// <summary>Where the configuration of a <see cref="LockBuilder"/> may come from, and what becomes of it.</summary>
public static class LockBuilderExtensions
{
    /// <summary>The environment variable that is read unless another is named.</summary>
    public const string EnvironmentVariable = "LOCK_CONFIG";

    /// <summary>The section of <c>IConfiguration</c> that is read unless a section is given.</summary>
    public const string SectionName = "Lock";

    extension(Lock)
    {
        /// <summary>Makes locks of what a builder says: of one backend in code, or as a configuration says.</summary>
        /// <param name="configure">Says it, as in <c>Lock.Create(builder => builder.UseRedis(redis => redis.Fair = true))</c>.</param>
        /// <exception cref="LockConfigException">Nothing is configured, or a setting is unknown, of the wrong type, out of range or not for
        /// this backend, or no provider serves the type. The message names the setting, the value (never a secret) and what is
        /// allowed.</exception>
        public static ILock Create(Action<LockBuilder> configure)
        {
            ArgumentNullException.ThrowIfNull(configure);
            var builder = new LockBuilder();
            configure(builder);
            return builder.Build();
        }
    }

    /// <summary>Makes the locks: what <c>Lock.Create</c> does, for languages without static extension members. Nothing connects
    /// yet.</summary>
    /// <exception cref="LockConfigException">Nothing is configured, or something that cannot be served.</exception>
    public static ILock Build(this LockBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return LockMaker.Make(builder);
    }

    /// <summary>Asks an environment variable for a configuration, in JSON or as <c>@</c> and the name of a file.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="variable">The variable's name. Not set, empty or blank: the next source is asked.</param>
    public static LockBuilder FromEnvironment(this LockBuilder builder, string variable = EnvironmentVariable)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(variable);
        builder.Sources.Add((providers, _) => ConfigSources.FromEnvironment(variable, new KnownProviders(providers)));
        return builder;
    }

    /// <summary>Asks <c>IConfiguration</c> for a configuration.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configuration">The section itself, or a whole configuration, of which the section <c>Lock</c> is read; null: that of
    /// the container. A section that is given and does not exist is an error.</param>
    public static LockBuilder FromConfiguration(this LockBuilder builder, IConfiguration? configuration = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Sources.Add((providers, services) =>
        {
            var known = new KnownProviders(providers);
            if (configuration is not null)
                return ConfigSources.FromConfiguration(configuration, known) ?? throw ConfigSources.NoSection(configuration);
            return services?.GetService<IConfiguration>() is { } found ? ConfigSources.FromConfiguration(found, known) : null;
        });
        return builder;
    }

    /// <summary>Takes a configuration in JSON, or the file that is named after an <c>@</c>.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="json">JSON with comments and trailing commas allowed, or <c>@</c> and the path of a file that holds it.</param>
    public static LockBuilder FromJson(this LockBuilder builder, string json)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(json);
        builder.Sources.Add(
            (providers, _) => new FoundConfig(ConfigText.Read(json, source: null, new KnownProviders(providers)), Source: null));
        return builder;
    }
}
