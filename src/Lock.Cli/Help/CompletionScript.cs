using System.Text;

namespace Locking;

/// <summary>Completion scripts, made of the table of commands.</summary>
internal static class CompletionScript
{
    public static string Bash()
    {
        var cases = new StringBuilder();
        foreach (CommandSpec command in CommandTable.All)
            cases.Append("    ").Append(command.Name).Append(") options=\"").AppendJoin(' ', Words(command)).Append("\" ;;\n");
        return $$"""
            _lock() {
              local word="${COMP_WORDS[COMP_CWORD]}" options i
              for ((i = 1; i < COMP_CWORD; i++)); do
                if [[ ${COMP_WORDS[i]} == -- ]]; then
                  COMP_WORDS=("${COMP_WORDS[@]:i+1}"); COMP_CWORD=$((COMP_CWORD - i - 1))
                  if ((COMP_CWORD == 0)); then COMPREPLY=($(compgen -c -- "$word")); else COMPREPLY=($(compgen -f -- "$word")); fi
                  return
                fi
              done
              if ((COMP_CWORD == 1)); then
                COMPREPLY=($(compgen -W "{{string.Join(' ', CommandTable.Names)}} --help --version" -- "$word"))
                return
              fi
              case ${COMP_WORDS[1]} in
            {{cases}}    *) return ;;
              esac
              COMPREPLY=($(compgen -W "$options" -- "$word"))
            }
            complete -o default -F _lock lock

            """;
    }

    public static string Zsh()
    {
        var commands = new StringBuilder();
        var cases = new StringBuilder();
        foreach (CommandSpec command in CommandTable.All)
        {
            commands.Append("    '").Append(command.Name).Append(':').Append(Quoted(command.Summary)).Append("'\n");
            cases.Append("    ").Append(command.Name).Append(") compadd -- ").AppendJoin(' ', Words(command)).Append(" ;;\n");
        }

        return $$"""
            _lock() {
              local at=${words[(i)--]}
              if ((at < CURRENT)); then
                shift $at words; ((CURRENT -= at)); _normal; return
              fi
              local -a commands=(
            {{commands}}  )
              if ((CURRENT == 2)); then _describe command commands; return; fi
              case $words[2] in
            {{cases}}  esac
            }
            compdef _lock lock

            """;
    }

    public static string Fish()
    {
        var text = new StringBuilder("complete -c lock -f\n");
        foreach (CommandSpec command in CommandTable.All)
        {
            text.Append("complete -c lock -n __fish_use_subcommand -a ").Append(command.Name).Append(" -d '").Append(
                Quoted(command.Summary))
                .Append("'\n");
            foreach (OptionSpec option in command.Options)
            {
                text.Append("complete -c lock -n '__fish_seen_subcommand_from ").Append(command.Name).Append('\'');
                foreach (string name in Names(option))
                    text.Append(name.StartsWith("--", StringComparison.Ordinal) ? " -l " : " -s ").Append(name.TrimStart('-'));
                text.Append(option.Value is null ? " -d '" : " -r -d '").Append(Quoted(option.Help)).Append("'\n");
            }
        }

        return text.ToString();
    }

    private static List<string> Words(CommandSpec command)
    {
        var words = new List<string>();
        foreach (OptionSpec option in command.Options)
            words.AddRange(Names(option));
        if (command.Name == "completion")
            words.AddRange(["bash", "zsh", "fish"]);
        return words;
    }

    private static string[] Names(OptionSpec option) => option.Short is null ? [option.Name] : [option.Short, option.Name];

    private static string Quoted(string text) => text.Replace("'", @"'\''", StringComparison.Ordinal);
}
