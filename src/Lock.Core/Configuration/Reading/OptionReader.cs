namespace Locking;

/// <summary>Collects what a configuration says of <see cref="LockOptions"/>, at the top and in <c>lockOptions</c>.</summary>
internal sealed class OptionReader
{
    private readonly SettingReader<LockOptions> _said = new();
    private ConfigNode? _maxRetries;
    private ConfigNode? _lockRequestTimeout;
    private bool _isJitterFree;
    private bool _any;

    /// <summary>What <c>lockOptions</c> says besides: that is for the backend to read.</summary>
    public LockSettings? OfBackend { get; private set; }

    /// <summary>Takes <c>retry</c> or <c>delay</c>, whose attempts are evenly spaced.</summary>
    public void TakeAtTop(Setting<LockOptions> alias, ConfigNode node)
    {
        _any = true;
        _isJitterFree = true;
        object? value = SettingParser.Parse(alias, node);
        if (ReferenceEquals(alias, WaitingAliases.Retry))
            _said.Take(OptionSettings.RetryCount, node, value is < 0 ? -1 : value, alias);
        else
            _said.Take(OptionSettings.RetryDelay, node, value, alias);
    }

    /// <summary>Takes the object <c>lockOptions</c>.</summary>
    public void TakeAll(ConfigNode node)
    {
        if (node is ScalarNode scalar && SettingValues.IsNull(scalar))
            return;
        _any = true;
        foreach (ConfigMember member in ConfigReader.AsObject(node, "an object such as {\"ttl\": 30000}").Members)
        {
            if (ConfigReader.Find(OptionSettings.All, member) is { } setting)
                _said.Take(setting, member.Value);
            else if (WaitingAliases.MaxRetries.IsCalled(member.Name))
                _maxRetries = Once(WaitingAliases.MaxRetries, _maxRetries, member.Value);
            else if (WaitingAliases.LockRequestTimeout.IsCalled(member.Name))
                _lockRequestTimeout = member.Value;
            else
                (OfBackend ??= [])[member.Name] = member.Value;
        }
    }

    /// <summary>A value that several names of live-mutex have; differing ones are an error.</summary>
    private static ConfigNode Once(Setting<LockOptions> setting, ConfigNode? before, ConfigNode node)
    {
        if (before is not null && !Equals(SettingParser.Parse(setting, before), SettingParser.Parse(setting, node)))
        {
            throw new LockConfigException(
                node.Path, $"says the same as {before.Path}, differently. Keep one of them; the usual name is {setting.Name}.");
        }

        return node;
    }

    /// <summary>The options that were said, or null for none.</summary>
    /// <param name="preset">The preset in its usual spelling, which gives some names their meaning.</param>
    public LockOptions? Finish(string? preset)
    {
        if (!_any)
            return null;
        if (preset == Presets.LiveMutex)
            TakeRequests();
        else
            TakeAttempts();
        LockOptions options = _said.ApplyTo(new LockOptions());
        if (preset is not null)
            options = KeepWord(options);
        return _isJitterFree && options.RetryJitter is null ? options with { RetryJitter = TimeSpan.Zero } : options;
    }

    /// <summary>dist-lock, and everybody else: a number of attempts and their spacing.</summary>
    private void TakeAttempts()
    {
        if (_maxRetries is not null)
            _said.Take(OptionSettings.RetryCount, _maxRetries, WaitingAliases.MaxRetries);
        if (_lockRequestTimeout is not null)
            _said.Take(OptionSettings.RetryDelay, _lockRequestTimeout, WaitingAliases.LockRequestTimeout);
    }

    /// <summary>live-mutex: so many requests, each with so much time. The wait is their product.</summary>
    private void TakeRequests()
    {
        if ((_maxRetries ?? _lockRequestTimeout) is not { } node)
            return;
        int count = Presets.LiveMutexRequests;
        if (_maxRetries is not null && SettingParser.Parse(WaitingAliases.MaxRetries, _maxRetries) is int said)
            count = said;
        if (count < -1)
            throw ConfigErrors.Bad(_maxRetries!, isSecret: false, "is out of range", WaitingAliases.MaxRetries.Allowed);
        TimeSpan each = Presets.LiveMutexRequestTimeout;
        if (_lockRequestTimeout is not null)
        {
            each = (TimeSpan)SettingParser.Parse(WaitingAliases.LockRequestTimeout, _lockRequestTimeout)!;
            _said.Take(OptionSettings.RetryDelay, _lockRequestTimeout, each, WaitingAliases.LockRequestTimeout);
        }

        TimeSpan whole =
            count < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromMilliseconds(Math.Min(count * each.TotalMilliseconds, 1e15));
        _said.Take(OptionSettings.WaitTimeout, node, whole);
    }

    /// <summary>In code, null is "not set", and so gives way to a preset. Where JSON says it aloud it must not.</summary>
    private LockOptions KeepWord(LockOptions options) =>
        // Endless attempts are what null means: the wait timeout alone rules then.
        options.RetryCount is null && _said.Says(OptionSettings.RetryCount) is not null
            ? options with { RetryCount = -1 }
            : options;
}
