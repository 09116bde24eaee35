namespace Locking;

/// <summary>All commands.</summary>
internal static class CommandTable
{
    /// <summary>All of them, in the order of the help.</summary>
    public static CommandSpec[] All =>
    [
        RunCommand.Spec, AcquireCommand.Spec, ReleaseCommand.Spec, ExtendCommand.Spec, ShowCommand.Spec, ListCommand.Spec,
        BrokerCommand.Spec, DoctorCommand.Spec, BenchCommand.Spec, ConfigCommand.Spec, CompletionCommand.Spec,
    ];

    /// <summary>Their names.</summary>
    public static string[] Names => Array.ConvertAll(All, static command => command.Name);

    /// <summary>The command of a name; null when there is none. Makes only that one: start-up counts.</summary>
    public static CommandSpec? Find(string name) => name switch
    {
        "run" => RunCommand.Spec,
        "acquire" => AcquireCommand.Spec,
        "release" => ReleaseCommand.Spec,
        "extend" => ExtendCommand.Spec,
        "show" => ShowCommand.Spec,
        "ls" => ListCommand.Spec,
        "broker" => BrokerCommand.Spec,
        "doctor" => DoctorCommand.Spec,
        "bench" => BenchCommand.Spec,
        "config" => ConfigCommand.Spec,
        "completion" => CompletionCommand.Spec,
        _ => null,
    };
}
