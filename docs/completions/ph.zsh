#compdef ph

autoload -U is-at-least

_ph() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-h[Print help]' \
'--help[Print help]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_ph_commands" \
"*::: :->ph" \
&& ret=0
    case $state in
    (ph)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:ph-command-$line[1]:"
        case $line[1] in
            (run)
_arguments "${_arguments_options[@]}" : \
'--python=[Workers are this Python class; as --set python_class=MODULE\:CLASS]:MODULE:CLASS:_default' \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(start)
_arguments "${_arguments_options[@]}" : \
'--python=[Workers are this Python class; as --set python_class=MODULE\:CLASS]:MODULE:CLASS:_default' \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(stop)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--quick[Workers get a second to finish, not graceful_timeout]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(restart)
_arguments "${_arguments_options[@]}" : \
'--python=[Workers are this Python class; as --set python_class=MODULE\:CLASS]:MODULE:CLASS:_default' \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(reload)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(upgrade)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--json[As one JSON object]' \
'-w[Look again each second, until interrupted; with --json, an object a line]' \
'--watch[Look again each second, until interrupted; with --json, an object a line]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(top)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(scale)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--save[Then write the number into the configuration file, as number_workers]' \
'-h[Print help]' \
'--help[Print help]' \
':by -- N, +N or -N:_default' \
&& ret=0
;;
(worker)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-h[Print help]' \
'--help[Print help]' \
":: :_ph__subcmd__worker_commands" \
"*::: :->worker" \
&& ret=0

    case $state in
    (worker)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:ph-worker-command-$line[1]:"
        case $line[1] in
            (list)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--json[As a JSON array]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(restart)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'()--all[All of them]' \
'-h[Print help]' \
'--help[Print help]' \
'*::ids -- Their ids:_default' \
&& ret=0
;;
(stop)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-h[Print help]' \
'--help[Print help]' \
':id -- Its id:_default' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_ph__subcmd__worker__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:ph-worker-help-command-$line[1]:"
        case $line[1] in
            (list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(restart)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(stop)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(config)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-h[Print help]' \
'--help[Print help]' \
":: :_ph__subcmd__config_commands" \
"*::: :->config" \
&& ret=0

    case $state in
    (config)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:ph-config-command-$line[1]:"
        case $line[1] in
            (check)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--json[As one JSON object]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(get)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-h[Print help]' \
'--help[Print help]' \
':key -- The key:_default' \
&& ret=0
;;
(set)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--default[In \[DEFAULT\], for all sections]' \
'--interpolate[Let %(KEY)s in the value stand for another key; %% is a %]' \
'-h[Print help]' \
'--help[Print help]' \
':key -- The key:_default' \
':value -- Its value, as it is\: a % is a %:_default' \
&& ret=0
;;
(unset)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--default[Out of \[DEFAULT\], for all sections]' \
'-h[Print help]' \
'--help[Print help]' \
':key -- The key:_default' \
&& ret=0
;;
(diff)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--json[As one JSON object]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(undo)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_ph__subcmd__config__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:ph-config-help-command-$line[1]:"
        case $line[1] in
            (check)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(get)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(set)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(unset)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(diff)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(undo)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(leader)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-h[Print help]' \
'--help[Print help]' \
":: :_ph__subcmd__leader_commands" \
"*::: :->leader" \
&& ret=0

    case $state in
    (leader)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:ph-leader-command-$line[1]:"
        case $line[1] in
            (status)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--json[As one JSON object]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(resign)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(wait)
_arguments "${_arguments_options[@]}" : \
'--timeout=[Give up after so long \[default\: never\]]:SECONDS:_default' \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_ph__subcmd__leader__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:ph-leader-help-command-$line[1]:"
        case $line[1] in
            (status)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(resign)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(wait)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(log)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-h[Print help]' \
'--help[Print help]' \
":: :_ph__subcmd__log_commands" \
"*::: :->log" \
&& ret=0

    case $state in
    (log)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:ph-log-command-$line[1]:"
        case $line[1] in
            (reopen)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_ph__subcmd__log__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:ph-log-help-command-$line[1]:"
        case $line[1] in
            (reopen)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(events)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-f[Go on with what happens next, until interrupted or the master is gone]' \
'--follow[Go on with what happens next, until interrupted or the master is gone]' \
'--json[Each as a JSON object]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(why)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--all[The ends before that too, as many as are kept; --json always has them]' \
'--json[As one JSON object]' \
'-h[Print help]' \
'--help[Print help]' \
':id -- The worker'\''s id:_default' \
&& ret=0
;;
(metrics)
_arguments "${_arguments_options[@]}" : \
'--listen=[Go on, and answer HTTP requests for /metrics at this address]:ADDR:_default' \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(call)
_arguments "${_arguments_options[@]}" : \
'--unix=[Connect to this Unix socket instead of ADDR]:PATH:_files' \
'--timeout=[How long the call may take, connecting included]:SECONDS:_default' \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--notify[Send a notification, to which there is no answer]' \
'-h[Print help]' \
'--help[Print help]' \
'*::words -- HOST\:PORT, the method, and its parameters\: each is JSON, or a word that stands for itself:_default' \
&& ret=0
;;
(conform)
_arguments "${_arguments_options[@]}" : \
'--timeout=[How long it may take to be ready, and to leave]:SECONDS:_default' \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--json[As one JSON object]' \
'-h[Print help]' \
'--help[Print help]' \
'*::command -- The program and its arguments, after `--`:_default' \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
'*--set=[Set a key above file and environment; may be repeated]:KEY=VALUE:_default' \
'-c+[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'--config=[The configuration file \[default\: \$PH_CONFIG, ./config.ini, ./conf/config.ini\]]:FILE:_files' \
'-s+[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'--section=[The section\: one application, one master \[default\: the only one of the file\]]:SECTION:_default' \
'-h[Print help]' \
'--help[Print help]' \
':shell -- For this shell:(bash elvish fish powershell zsh)' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_ph__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:ph-help-command-$line[1]:"
        case $line[1] in
            (run)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(start)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(stop)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(restart)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(reload)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(upgrade)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(top)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(scale)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(worker)
_arguments "${_arguments_options[@]}" : \
":: :_ph__subcmd__help__subcmd__worker_commands" \
"*::: :->worker" \
&& ret=0

    case $state in
    (worker)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:ph-help-worker-command-$line[1]:"
        case $line[1] in
            (list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(restart)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(stop)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(config)
_arguments "${_arguments_options[@]}" : \
":: :_ph__subcmd__help__subcmd__config_commands" \
"*::: :->config" \
&& ret=0

    case $state in
    (config)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:ph-help-config-command-$line[1]:"
        case $line[1] in
            (check)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(get)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(set)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(unset)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(diff)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(undo)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(leader)
_arguments "${_arguments_options[@]}" : \
":: :_ph__subcmd__help__subcmd__leader_commands" \
"*::: :->leader" \
&& ret=0

    case $state in
    (leader)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:ph-help-leader-command-$line[1]:"
        case $line[1] in
            (status)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(resign)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(wait)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(log)
_arguments "${_arguments_options[@]}" : \
":: :_ph__subcmd__help__subcmd__log_commands" \
"*::: :->log" \
&& ret=0

    case $state in
    (log)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:ph-help-log-command-$line[1]:"
        case $line[1] in
            (reopen)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(events)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(why)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(metrics)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(call)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(conform)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
}

(( $+functions[_ph_commands] )) ||
_ph_commands() {
    local commands; commands=(
'run:Run in the foreground until told to stop' \
'start:Start as \`daemonize\` says; returns when the workers are ready, or have failed' \
'stop:Stop gracefully; returns when the master is gone' \
'restart:Stop if running, then start' \
'reload:Read the configuration again and replace the workers, new before old' \
'upgrade:Have the program as it is on disk now take over; returns when it serves' \
'status:Show the master and its workers' \
'top:Watch the master and its workers on the whole terminal; restart, stop and scale them by keys' \
'scale:Change the number of workers\: N exactly, +N more, -N fewer; returns when they are ready' \
'worker:List, restart or stop single workers' \
'config:Check, show and edit the configuration' \
'leader:Which of several masters has the workers\: look, let others, or wait for it' \
'log:Reopen the log, after it was renamed' \
'events:Print what has happened, one line an event' \
'why:Say how and why the last process of a worker ended, and what was seen of it before' \
'metrics:Print the master'\''s figures as OpenMetrics text, for Prometheus and the like' \
'call:Call a method of a msgpack-RPC server, and print its result as JSON' \
'conform:Put a program through the contract of a worker, and tell which points of it it keeps' \
'completions:Print a completion script' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'ph commands' commands "$@"
}
(( $+functions[_ph__subcmd__call_commands] )) ||
_ph__subcmd__call_commands() {
    local commands; commands=()
    _describe -t commands 'ph call commands' commands "$@"
}
(( $+functions[_ph__subcmd__completions_commands] )) ||
_ph__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'ph completions commands' commands "$@"
}
(( $+functions[_ph__subcmd__config_commands] )) ||
_ph__subcmd__config_commands() {
    local commands; commands=(
'check:Say whether the configuration is valid' \
'show:Show every key, its value, and where that comes from' \
'get:Print the value of one key alone' \
'set:Write a value into the file, if the configuration is valid with it; nothing else in the file changes' \
'unset:Take a key out of the file; the comments around it stay' \
'diff:Compare the file, the running master and the defaults' \
'undo:Put back what the last set, unset or scale --save has changed; again, what the one before has' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'ph config commands' commands "$@"
}
(( $+functions[_ph__subcmd__config__subcmd__check_commands] )) ||
_ph__subcmd__config__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'ph config check commands' commands "$@"
}
(( $+functions[_ph__subcmd__config__subcmd__diff_commands] )) ||
_ph__subcmd__config__subcmd__diff_commands() {
    local commands; commands=()
    _describe -t commands 'ph config diff commands' commands "$@"
}
(( $+functions[_ph__subcmd__config__subcmd__get_commands] )) ||
_ph__subcmd__config__subcmd__get_commands() {
    local commands; commands=()
    _describe -t commands 'ph config get commands' commands "$@"
}
(( $+functions[_ph__subcmd__config__subcmd__help_commands] )) ||
_ph__subcmd__config__subcmd__help_commands() {
    local commands; commands=(
'check:Say whether the configuration is valid' \
'show:Show every key, its value, and where that comes from' \
'get:Print the value of one key alone' \
'set:Write a value into the file, if the configuration is valid with it; nothing else in the file changes' \
'unset:Take a key out of the file; the comments around it stay' \
'diff:Compare the file, the running master and the defaults' \
'undo:Put back what the last set, unset or scale --save has changed; again, what the one before has' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'ph config help commands' commands "$@"
}
(( $+functions[_ph__subcmd__config__subcmd__help__subcmd__check_commands] )) ||
_ph__subcmd__config__subcmd__help__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'ph config help check commands' commands "$@"
}
(( $+functions[_ph__subcmd__config__subcmd__help__subcmd__diff_commands] )) ||
_ph__subcmd__config__subcmd__help__subcmd__diff_commands() {
    local commands; commands=()
    _describe -t commands 'ph config help diff commands' commands "$@"
}
(( $+functions[_ph__subcmd__config__subcmd__help__subcmd__get_commands] )) ||
_ph__subcmd__config__subcmd__help__subcmd__get_commands() {
    local commands; commands=()
    _describe -t commands 'ph config help get commands' commands "$@"
}
(( $+functions[_ph__subcmd__config__subcmd__help__subcmd__help_commands] )) ||
_ph__subcmd__config__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'ph config help help commands' commands "$@"
}
(( $+functions[_ph__subcmd__config__subcmd__help__subcmd__set_commands] )) ||
_ph__subcmd__config__subcmd__help__subcmd__set_commands() {
    local commands; commands=()
    _describe -t commands 'ph config help set commands' commands "$@"
}
(( $+functions[_ph__subcmd__config__subcmd__help__subcmd__show_commands] )) ||
_ph__subcmd__config__subcmd__help__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'ph config help show commands' commands "$@"
}
(( $+functions[_ph__subcmd__config__subcmd__help__subcmd__undo_commands] )) ||
_ph__subcmd__config__subcmd__help__subcmd__undo_commands() {
    local commands; commands=()
    _describe -t commands 'ph config help undo commands' commands "$@"
}
(( $+functions[_ph__subcmd__config__subcmd__help__subcmd__unset_commands] )) ||
_ph__subcmd__config__subcmd__help__subcmd__unset_commands() {
    local commands; commands=()
    _describe -t commands 'ph config help unset commands' commands "$@"
}
(( $+functions[_ph__subcmd__config__subcmd__set_commands] )) ||
_ph__subcmd__config__subcmd__set_commands() {
    local commands; commands=()
    _describe -t commands 'ph config set commands' commands "$@"
}
(( $+functions[_ph__subcmd__config__subcmd__show_commands] )) ||
_ph__subcmd__config__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'ph config show commands' commands "$@"
}
(( $+functions[_ph__subcmd__config__subcmd__undo_commands] )) ||
_ph__subcmd__config__subcmd__undo_commands() {
    local commands; commands=()
    _describe -t commands 'ph config undo commands' commands "$@"
}
(( $+functions[_ph__subcmd__config__subcmd__unset_commands] )) ||
_ph__subcmd__config__subcmd__unset_commands() {
    local commands; commands=()
    _describe -t commands 'ph config unset commands' commands "$@"
}
(( $+functions[_ph__subcmd__conform_commands] )) ||
_ph__subcmd__conform_commands() {
    local commands; commands=()
    _describe -t commands 'ph conform commands' commands "$@"
}
(( $+functions[_ph__subcmd__events_commands] )) ||
_ph__subcmd__events_commands() {
    local commands; commands=()
    _describe -t commands 'ph events commands' commands "$@"
}
(( $+functions[_ph__subcmd__help_commands] )) ||
_ph__subcmd__help_commands() {
    local commands; commands=(
'run:Run in the foreground until told to stop' \
'start:Start as \`daemonize\` says; returns when the workers are ready, or have failed' \
'stop:Stop gracefully; returns when the master is gone' \
'restart:Stop if running, then start' \
'reload:Read the configuration again and replace the workers, new before old' \
'upgrade:Have the program as it is on disk now take over; returns when it serves' \
'status:Show the master and its workers' \
'top:Watch the master and its workers on the whole terminal; restart, stop and scale them by keys' \
'scale:Change the number of workers\: N exactly, +N more, -N fewer; returns when they are ready' \
'worker:List, restart or stop single workers' \
'config:Check, show and edit the configuration' \
'leader:Which of several masters has the workers\: look, let others, or wait for it' \
'log:Reopen the log, after it was renamed' \
'events:Print what has happened, one line an event' \
'why:Say how and why the last process of a worker ended, and what was seen of it before' \
'metrics:Print the master'\''s figures as OpenMetrics text, for Prometheus and the like' \
'call:Call a method of a msgpack-RPC server, and print its result as JSON' \
'conform:Put a program through the contract of a worker, and tell which points of it it keeps' \
'completions:Print a completion script' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'ph help commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__call_commands] )) ||
_ph__subcmd__help__subcmd__call_commands() {
    local commands; commands=()
    _describe -t commands 'ph help call commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__completions_commands] )) ||
_ph__subcmd__help__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'ph help completions commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__config_commands] )) ||
_ph__subcmd__help__subcmd__config_commands() {
    local commands; commands=(
'check:Say whether the configuration is valid' \
'show:Show every key, its value, and where that comes from' \
'get:Print the value of one key alone' \
'set:Write a value into the file, if the configuration is valid with it; nothing else in the file changes' \
'unset:Take a key out of the file; the comments around it stay' \
'diff:Compare the file, the running master and the defaults' \
'undo:Put back what the last set, unset or scale --save has changed; again, what the one before has' \
    )
    _describe -t commands 'ph help config commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__config__subcmd__check_commands] )) ||
_ph__subcmd__help__subcmd__config__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'ph help config check commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__config__subcmd__diff_commands] )) ||
_ph__subcmd__help__subcmd__config__subcmd__diff_commands() {
    local commands; commands=()
    _describe -t commands 'ph help config diff commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__config__subcmd__get_commands] )) ||
_ph__subcmd__help__subcmd__config__subcmd__get_commands() {
    local commands; commands=()
    _describe -t commands 'ph help config get commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__config__subcmd__set_commands] )) ||
_ph__subcmd__help__subcmd__config__subcmd__set_commands() {
    local commands; commands=()
    _describe -t commands 'ph help config set commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__config__subcmd__show_commands] )) ||
_ph__subcmd__help__subcmd__config__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'ph help config show commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__config__subcmd__undo_commands] )) ||
_ph__subcmd__help__subcmd__config__subcmd__undo_commands() {
    local commands; commands=()
    _describe -t commands 'ph help config undo commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__config__subcmd__unset_commands] )) ||
_ph__subcmd__help__subcmd__config__subcmd__unset_commands() {
    local commands; commands=()
    _describe -t commands 'ph help config unset commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__conform_commands] )) ||
_ph__subcmd__help__subcmd__conform_commands() {
    local commands; commands=()
    _describe -t commands 'ph help conform commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__events_commands] )) ||
_ph__subcmd__help__subcmd__events_commands() {
    local commands; commands=()
    _describe -t commands 'ph help events commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__help_commands] )) ||
_ph__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'ph help help commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__leader_commands] )) ||
_ph__subcmd__help__subcmd__leader_commands() {
    local commands; commands=(
'status:Say whether this master leads, until when and by which token; or who does' \
'resign:Let another master lead; returns when no worker is left here' \
'wait:Wait until this master leads and its workers are ready' \
    )
    _describe -t commands 'ph help leader commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__leader__subcmd__resign_commands] )) ||
_ph__subcmd__help__subcmd__leader__subcmd__resign_commands() {
    local commands; commands=()
    _describe -t commands 'ph help leader resign commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__leader__subcmd__status_commands] )) ||
_ph__subcmd__help__subcmd__leader__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'ph help leader status commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__leader__subcmd__wait_commands] )) ||
_ph__subcmd__help__subcmd__leader__subcmd__wait_commands() {
    local commands; commands=()
    _describe -t commands 'ph help leader wait commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__log_commands] )) ||
_ph__subcmd__help__subcmd__log_commands() {
    local commands; commands=(
'reopen:Have the master and its workers open their log by its name again' \
    )
    _describe -t commands 'ph help log commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__log__subcmd__reopen_commands] )) ||
_ph__subcmd__help__subcmd__log__subcmd__reopen_commands() {
    local commands; commands=()
    _describe -t commands 'ph help log reopen commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__metrics_commands] )) ||
_ph__subcmd__help__subcmd__metrics_commands() {
    local commands; commands=()
    _describe -t commands 'ph help metrics commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__reload_commands] )) ||
_ph__subcmd__help__subcmd__reload_commands() {
    local commands; commands=()
    _describe -t commands 'ph help reload commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__restart_commands] )) ||
_ph__subcmd__help__subcmd__restart_commands() {
    local commands; commands=()
    _describe -t commands 'ph help restart commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__run_commands] )) ||
_ph__subcmd__help__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'ph help run commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__scale_commands] )) ||
_ph__subcmd__help__subcmd__scale_commands() {
    local commands; commands=()
    _describe -t commands 'ph help scale commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__start_commands] )) ||
_ph__subcmd__help__subcmd__start_commands() {
    local commands; commands=()
    _describe -t commands 'ph help start commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__status_commands] )) ||
_ph__subcmd__help__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'ph help status commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__stop_commands] )) ||
_ph__subcmd__help__subcmd__stop_commands() {
    local commands; commands=()
    _describe -t commands 'ph help stop commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__top_commands] )) ||
_ph__subcmd__help__subcmd__top_commands() {
    local commands; commands=()
    _describe -t commands 'ph help top commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__upgrade_commands] )) ||
_ph__subcmd__help__subcmd__upgrade_commands() {
    local commands; commands=()
    _describe -t commands 'ph help upgrade commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__why_commands] )) ||
_ph__subcmd__help__subcmd__why_commands() {
    local commands; commands=()
    _describe -t commands 'ph help why commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__worker_commands] )) ||
_ph__subcmd__help__subcmd__worker_commands() {
    local commands; commands=(
'list:List the workers' \
'restart:Replace workers by fresh ones, new before old' \
'stop:Retire a worker for good\: the number of workers goes down by one' \
    )
    _describe -t commands 'ph help worker commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__worker__subcmd__list_commands] )) ||
_ph__subcmd__help__subcmd__worker__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'ph help worker list commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__worker__subcmd__restart_commands] )) ||
_ph__subcmd__help__subcmd__worker__subcmd__restart_commands() {
    local commands; commands=()
    _describe -t commands 'ph help worker restart commands' commands "$@"
}
(( $+functions[_ph__subcmd__help__subcmd__worker__subcmd__stop_commands] )) ||
_ph__subcmd__help__subcmd__worker__subcmd__stop_commands() {
    local commands; commands=()
    _describe -t commands 'ph help worker stop commands' commands "$@"
}
(( $+functions[_ph__subcmd__leader_commands] )) ||
_ph__subcmd__leader_commands() {
    local commands; commands=(
'status:Say whether this master leads, until when and by which token; or who does' \
'resign:Let another master lead; returns when no worker is left here' \
'wait:Wait until this master leads and its workers are ready' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'ph leader commands' commands "$@"
}
(( $+functions[_ph__subcmd__leader__subcmd__help_commands] )) ||
_ph__subcmd__leader__subcmd__help_commands() {
    local commands; commands=(
'status:Say whether this master leads, until when and by which token; or who does' \
'resign:Let another master lead; returns when no worker is left here' \
'wait:Wait until this master leads and its workers are ready' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'ph leader help commands' commands "$@"
}
(( $+functions[_ph__subcmd__leader__subcmd__help__subcmd__help_commands] )) ||
_ph__subcmd__leader__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'ph leader help help commands' commands "$@"
}
(( $+functions[_ph__subcmd__leader__subcmd__help__subcmd__resign_commands] )) ||
_ph__subcmd__leader__subcmd__help__subcmd__resign_commands() {
    local commands; commands=()
    _describe -t commands 'ph leader help resign commands' commands "$@"
}
(( $+functions[_ph__subcmd__leader__subcmd__help__subcmd__status_commands] )) ||
_ph__subcmd__leader__subcmd__help__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'ph leader help status commands' commands "$@"
}
(( $+functions[_ph__subcmd__leader__subcmd__help__subcmd__wait_commands] )) ||
_ph__subcmd__leader__subcmd__help__subcmd__wait_commands() {
    local commands; commands=()
    _describe -t commands 'ph leader help wait commands' commands "$@"
}
(( $+functions[_ph__subcmd__leader__subcmd__resign_commands] )) ||
_ph__subcmd__leader__subcmd__resign_commands() {
    local commands; commands=()
    _describe -t commands 'ph leader resign commands' commands "$@"
}
(( $+functions[_ph__subcmd__leader__subcmd__status_commands] )) ||
_ph__subcmd__leader__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'ph leader status commands' commands "$@"
}
(( $+functions[_ph__subcmd__leader__subcmd__wait_commands] )) ||
_ph__subcmd__leader__subcmd__wait_commands() {
    local commands; commands=()
    _describe -t commands 'ph leader wait commands' commands "$@"
}
(( $+functions[_ph__subcmd__log_commands] )) ||
_ph__subcmd__log_commands() {
    local commands; commands=(
'reopen:Have the master and its workers open their log by its name again' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'ph log commands' commands "$@"
}
(( $+functions[_ph__subcmd__log__subcmd__help_commands] )) ||
_ph__subcmd__log__subcmd__help_commands() {
    local commands; commands=(
'reopen:Have the master and its workers open their log by its name again' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'ph log help commands' commands "$@"
}
(( $+functions[_ph__subcmd__log__subcmd__help__subcmd__help_commands] )) ||
_ph__subcmd__log__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'ph log help help commands' commands "$@"
}
(( $+functions[_ph__subcmd__log__subcmd__help__subcmd__reopen_commands] )) ||
_ph__subcmd__log__subcmd__help__subcmd__reopen_commands() {
    local commands; commands=()
    _describe -t commands 'ph log help reopen commands' commands "$@"
}
(( $+functions[_ph__subcmd__log__subcmd__reopen_commands] )) ||
_ph__subcmd__log__subcmd__reopen_commands() {
    local commands; commands=()
    _describe -t commands 'ph log reopen commands' commands "$@"
}
(( $+functions[_ph__subcmd__metrics_commands] )) ||
_ph__subcmd__metrics_commands() {
    local commands; commands=()
    _describe -t commands 'ph metrics commands' commands "$@"
}
(( $+functions[_ph__subcmd__reload_commands] )) ||
_ph__subcmd__reload_commands() {
    local commands; commands=()
    _describe -t commands 'ph reload commands' commands "$@"
}
(( $+functions[_ph__subcmd__restart_commands] )) ||
_ph__subcmd__restart_commands() {
    local commands; commands=()
    _describe -t commands 'ph restart commands' commands "$@"
}
(( $+functions[_ph__subcmd__run_commands] )) ||
_ph__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'ph run commands' commands "$@"
}
(( $+functions[_ph__subcmd__scale_commands] )) ||
_ph__subcmd__scale_commands() {
    local commands; commands=()
    _describe -t commands 'ph scale commands' commands "$@"
}
(( $+functions[_ph__subcmd__start_commands] )) ||
_ph__subcmd__start_commands() {
    local commands; commands=()
    _describe -t commands 'ph start commands' commands "$@"
}
(( $+functions[_ph__subcmd__status_commands] )) ||
_ph__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'ph status commands' commands "$@"
}
(( $+functions[_ph__subcmd__stop_commands] )) ||
_ph__subcmd__stop_commands() {
    local commands; commands=()
    _describe -t commands 'ph stop commands' commands "$@"
}
(( $+functions[_ph__subcmd__top_commands] )) ||
_ph__subcmd__top_commands() {
    local commands; commands=()
    _describe -t commands 'ph top commands' commands "$@"
}
(( $+functions[_ph__subcmd__upgrade_commands] )) ||
_ph__subcmd__upgrade_commands() {
    local commands; commands=()
    _describe -t commands 'ph upgrade commands' commands "$@"
}
(( $+functions[_ph__subcmd__why_commands] )) ||
_ph__subcmd__why_commands() {
    local commands; commands=()
    _describe -t commands 'ph why commands' commands "$@"
}
(( $+functions[_ph__subcmd__worker_commands] )) ||
_ph__subcmd__worker_commands() {
    local commands; commands=(
'list:List the workers' \
'restart:Replace workers by fresh ones, new before old' \
'stop:Retire a worker for good\: the number of workers goes down by one' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'ph worker commands' commands "$@"
}
(( $+functions[_ph__subcmd__worker__subcmd__help_commands] )) ||
_ph__subcmd__worker__subcmd__help_commands() {
    local commands; commands=(
'list:List the workers' \
'restart:Replace workers by fresh ones, new before old' \
'stop:Retire a worker for good\: the number of workers goes down by one' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'ph worker help commands' commands "$@"
}
(( $+functions[_ph__subcmd__worker__subcmd__help__subcmd__help_commands] )) ||
_ph__subcmd__worker__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'ph worker help help commands' commands "$@"
}
(( $+functions[_ph__subcmd__worker__subcmd__help__subcmd__list_commands] )) ||
_ph__subcmd__worker__subcmd__help__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'ph worker help list commands' commands "$@"
}
(( $+functions[_ph__subcmd__worker__subcmd__help__subcmd__restart_commands] )) ||
_ph__subcmd__worker__subcmd__help__subcmd__restart_commands() {
    local commands; commands=()
    _describe -t commands 'ph worker help restart commands' commands "$@"
}
(( $+functions[_ph__subcmd__worker__subcmd__help__subcmd__stop_commands] )) ||
_ph__subcmd__worker__subcmd__help__subcmd__stop_commands() {
    local commands; commands=()
    _describe -t commands 'ph worker help stop commands' commands "$@"
}
(( $+functions[_ph__subcmd__worker__subcmd__list_commands] )) ||
_ph__subcmd__worker__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'ph worker list commands' commands "$@"
}
(( $+functions[_ph__subcmd__worker__subcmd__restart_commands] )) ||
_ph__subcmd__worker__subcmd__restart_commands() {
    local commands; commands=()
    _describe -t commands 'ph worker restart commands' commands "$@"
}
(( $+functions[_ph__subcmd__worker__subcmd__stop_commands] )) ||
_ph__subcmd__worker__subcmd__stop_commands() {
    local commands; commands=()
    _describe -t commands 'ph worker stop commands' commands "$@"
}

if [ "$funcstack[1]" = "_ph" ]; then
    _ph "$@"
else
    compdef _ph ph
fi
