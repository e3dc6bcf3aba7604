# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ph_global_optspecs
    string join \n c/config= s/section= set= h/help V/version
end

function __fish_ph_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ph_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ph_using_subcommand
    set -l cmd (__fish_ph_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ph -n "__fish_ph_needs_command" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_needs_command" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_needs_command" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_needs_command" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_needs_command" -s V -l version -d 'Print version'
complete -c ph -n "__fish_ph_needs_command" -f -a "run" -d 'Run in the foreground until told to stop'
complete -c ph -n "__fish_ph_needs_command" -f -a "start" -d 'Start as `daemonize` says; returns when the workers are ready, or have failed'
complete -c ph -n "__fish_ph_needs_command" -f -a "stop" -d 'Stop gracefully; returns when the master is gone'
complete -c ph -n "__fish_ph_needs_command" -f -a "restart" -d 'Stop if running, then start'
complete -c ph -n "__fish_ph_needs_command" -f -a "reload" -d 'Read the configuration again and replace the workers, new before old'
complete -c ph -n "__fish_ph_needs_command" -f -a "upgrade" -d 'Have the program as it is on disk now take over; returns when it serves'
complete -c ph -n "__fish_ph_needs_command" -f -a "status" -d 'Show the master and its workers'
complete -c ph -n "__fish_ph_needs_command" -f -a "top" -d 'Watch the master and its workers on the whole terminal; restart, stop and scale them by keys'
complete -c ph -n "__fish_ph_needs_command" -f -a "scale" -d 'Change the number of workers: N exactly, +N more, -N fewer; returns when they are ready'
complete -c ph -n "__fish_ph_needs_command" -f -a "worker" -d 'List, restart or stop single workers'
complete -c ph -n "__fish_ph_needs_command" -f -a "config" -d 'Check, show and edit the configuration'
complete -c ph -n "__fish_ph_needs_command" -f -a "leader" -d 'Which of several masters has the workers: look, let others, or wait for it'
complete -c ph -n "__fish_ph_needs_command" -f -a "log" -d 'Reopen the log, after it was renamed'
complete -c ph -n "__fish_ph_needs_command" -f -a "events" -d 'Print what has happened, one line an event'
complete -c ph -n "__fish_ph_needs_command" -f -a "why" -d 'Say how and why the last process of a worker ended, and what was seen of it before'
complete -c ph -n "__fish_ph_needs_command" -f -a "metrics" -d 'Print the master\'s figures as OpenMetrics text, for Prometheus and the like'
complete -c ph -n "__fish_ph_needs_command" -f -a "call" -d 'Call a method of a msgpack-RPC server, and print its result as JSON'
complete -c ph -n "__fish_ph_needs_command" -f -a "conform" -d 'Put a program through the contract of a worker, and tell which points of it it keeps'
complete -c ph -n "__fish_ph_needs_command" -f -a "completions" -d 'Print a completion script'
complete -c ph -n "__fish_ph_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ph -n "__fish_ph_using_subcommand run" -l python -d 'Workers are this Python class; as --set python_class=MODULE:CLASS' -r
complete -c ph -n "__fish_ph_using_subcommand run" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand run" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand run" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand run" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand start" -l python -d 'Workers are this Python class; as --set python_class=MODULE:CLASS' -r
complete -c ph -n "__fish_ph_using_subcommand start" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand start" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand start" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand start" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand stop" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand stop" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand stop" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand stop" -l quick -d 'Workers get a second to finish, not graceful_timeout'
complete -c ph -n "__fish_ph_using_subcommand stop" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand restart" -l python -d 'Workers are this Python class; as --set python_class=MODULE:CLASS' -r
complete -c ph -n "__fish_ph_using_subcommand restart" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand restart" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand restart" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand restart" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand reload" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand reload" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand reload" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand reload" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand upgrade" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand upgrade" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand upgrade" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand upgrade" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand status" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand status" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand status" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand status" -l json -d 'As one JSON object'
complete -c ph -n "__fish_ph_using_subcommand status" -s w -l watch -d 'Look again each second, until interrupted; with --json, an object a line'
complete -c ph -n "__fish_ph_using_subcommand status" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand top" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand top" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand top" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand top" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand scale" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand scale" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand scale" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand scale" -l save -d 'Then write the number into the configuration file, as number_workers'
complete -c ph -n "__fish_ph_using_subcommand scale" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand worker; and not __fish_seen_subcommand_from list restart stop help" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand worker; and not __fish_seen_subcommand_from list restart stop help" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand worker; and not __fish_seen_subcommand_from list restart stop help" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand worker; and not __fish_seen_subcommand_from list restart stop help" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand worker; and not __fish_seen_subcommand_from list restart stop help" -f -a "list" -d 'List the workers'
complete -c ph -n "__fish_ph_using_subcommand worker; and not __fish_seen_subcommand_from list restart stop help" -f -a "restart" -d 'Replace workers by fresh ones, new before old'
complete -c ph -n "__fish_ph_using_subcommand worker; and not __fish_seen_subcommand_from list restart stop help" -f -a "stop" -d 'Retire a worker for good: the number of workers goes down by one'
complete -c ph -n "__fish_ph_using_subcommand worker; and not __fish_seen_subcommand_from list restart stop help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ph -n "__fish_ph_using_subcommand worker; and __fish_seen_subcommand_from list" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand worker; and __fish_seen_subcommand_from list" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand worker; and __fish_seen_subcommand_from list" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand worker; and __fish_seen_subcommand_from list" -l json -d 'As a JSON array'
complete -c ph -n "__fish_ph_using_subcommand worker; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand worker; and __fish_seen_subcommand_from restart" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand worker; and __fish_seen_subcommand_from restart" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand worker; and __fish_seen_subcommand_from restart" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand worker; and __fish_seen_subcommand_from restart" -l all -d 'All of them'
complete -c ph -n "__fish_ph_using_subcommand worker; and __fish_seen_subcommand_from restart" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand worker; and __fish_seen_subcommand_from stop" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand worker; and __fish_seen_subcommand_from stop" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand worker; and __fish_seen_subcommand_from stop" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand worker; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand worker; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the workers'
complete -c ph -n "__fish_ph_using_subcommand worker; and __fish_seen_subcommand_from help" -f -a "restart" -d 'Replace workers by fresh ones, new before old'
complete -c ph -n "__fish_ph_using_subcommand worker; and __fish_seen_subcommand_from help" -f -a "stop" -d 'Retire a worker for good: the number of workers goes down by one'
complete -c ph -n "__fish_ph_using_subcommand worker; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ph -n "__fish_ph_using_subcommand config; and not __fish_seen_subcommand_from check show get set unset diff undo help" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand config; and not __fish_seen_subcommand_from check show get set unset diff undo help" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand config; and not __fish_seen_subcommand_from check show get set unset diff undo help" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand config; and not __fish_seen_subcommand_from check show get set unset diff undo help" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand config; and not __fish_seen_subcommand_from check show get set unset diff undo help" -f -a "check" -d 'Say whether the configuration is valid'
complete -c ph -n "__fish_ph_using_subcommand config; and not __fish_seen_subcommand_from check show get set unset diff undo help" -f -a "show" -d 'Show every key, its value, and where that comes from'
complete -c ph -n "__fish_ph_using_subcommand config; and not __fish_seen_subcommand_from check show get set unset diff undo help" -f -a "get" -d 'Print the value of one key alone'
complete -c ph -n "__fish_ph_using_subcommand config; and not __fish_seen_subcommand_from check show get set unset diff undo help" -f -a "set" -d 'Write a value into the file, if the configuration is valid with it; nothing else in the file changes'
complete -c ph -n "__fish_ph_using_subcommand config; and not __fish_seen_subcommand_from check show get set unset diff undo help" -f -a "unset" -d 'Take a key out of the file; the comments around it stay'
complete -c ph -n "__fish_ph_using_subcommand config; and not __fish_seen_subcommand_from check show get set unset diff undo help" -f -a "diff" -d 'Compare the file, the running master and the defaults'
complete -c ph -n "__fish_ph_using_subcommand config; and not __fish_seen_subcommand_from check show get set unset diff undo help" -f -a "undo" -d 'Put back what the last set, unset or scale --save has changed; again, what the one before has'
complete -c ph -n "__fish_ph_using_subcommand config; and not __fish_seen_subcommand_from check show get set unset diff undo help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from check" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from check" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from check" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from show" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from show" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from show" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'As one JSON object'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from get" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from get" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from get" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from set" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from set" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from set" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from set" -l default -d 'In [DEFAULT], for all sections'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from set" -l interpolate -d 'Let %(KEY)s in the value stand for another key; %% is a %'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from unset" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from unset" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from unset" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from unset" -l default -d 'Out of [DEFAULT], for all sections'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from unset" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from diff" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from diff" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from diff" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from diff" -l json -d 'As one JSON object'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from undo" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from undo" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from undo" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from undo" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "check" -d 'Say whether the configuration is valid'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show every key, its value, and where that comes from'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "get" -d 'Print the value of one key alone'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "set" -d 'Write a value into the file, if the configuration is valid with it; nothing else in the file changes'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "unset" -d 'Take a key out of the file; the comments around it stay'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "diff" -d 'Compare the file, the running master and the defaults'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "undo" -d 'Put back what the last set, unset or scale --save has changed; again, what the one before has'
complete -c ph -n "__fish_ph_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ph -n "__fish_ph_using_subcommand leader; and not __fish_seen_subcommand_from status resign wait help" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand leader; and not __fish_seen_subcommand_from status resign wait help" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand leader; and not __fish_seen_subcommand_from status resign wait help" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand leader; and not __fish_seen_subcommand_from status resign wait help" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand leader; and not __fish_seen_subcommand_from status resign wait help" -f -a "status" -d 'Say whether this master leads, until when and by which token; or who does'
complete -c ph -n "__fish_ph_using_subcommand leader; and not __fish_seen_subcommand_from status resign wait help" -f -a "resign" -d 'Let another master lead; returns when no worker is left here'
complete -c ph -n "__fish_ph_using_subcommand leader; and not __fish_seen_subcommand_from status resign wait help" -f -a "wait" -d 'Wait until this master leads and its workers are ready'
complete -c ph -n "__fish_ph_using_subcommand leader; and not __fish_seen_subcommand_from status resign wait help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ph -n "__fish_ph_using_subcommand leader; and __fish_seen_subcommand_from status" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand leader; and __fish_seen_subcommand_from status" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand leader; and __fish_seen_subcommand_from status" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand leader; and __fish_seen_subcommand_from status" -l json -d 'As one JSON object'
complete -c ph -n "__fish_ph_using_subcommand leader; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand leader; and __fish_seen_subcommand_from resign" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand leader; and __fish_seen_subcommand_from resign" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand leader; and __fish_seen_subcommand_from resign" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand leader; and __fish_seen_subcommand_from resign" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand leader; and __fish_seen_subcommand_from wait" -l timeout -d 'Give up after so long [default: never]' -r
complete -c ph -n "__fish_ph_using_subcommand leader; and __fish_seen_subcommand_from wait" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand leader; and __fish_seen_subcommand_from wait" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand leader; and __fish_seen_subcommand_from wait" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand leader; and __fish_seen_subcommand_from wait" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand leader; and __fish_seen_subcommand_from help" -f -a "status" -d 'Say whether this master leads, until when and by which token; or who does'
complete -c ph -n "__fish_ph_using_subcommand leader; and __fish_seen_subcommand_from help" -f -a "resign" -d 'Let another master lead; returns when no worker is left here'
complete -c ph -n "__fish_ph_using_subcommand leader; and __fish_seen_subcommand_from help" -f -a "wait" -d 'Wait until this master leads and its workers are ready'
complete -c ph -n "__fish_ph_using_subcommand leader; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ph -n "__fish_ph_using_subcommand log; and not __fish_seen_subcommand_from reopen help" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand log; and not __fish_seen_subcommand_from reopen help" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand log; and not __fish_seen_subcommand_from reopen help" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand log; and not __fish_seen_subcommand_from reopen help" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand log; and not __fish_seen_subcommand_from reopen help" -f -a "reopen" -d 'Have the master and its workers open their log by its name again'
complete -c ph -n "__fish_ph_using_subcommand log; and not __fish_seen_subcommand_from reopen help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ph -n "__fish_ph_using_subcommand log; and __fish_seen_subcommand_from reopen" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand log; and __fish_seen_subcommand_from reopen" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand log; and __fish_seen_subcommand_from reopen" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand log; and __fish_seen_subcommand_from reopen" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand log; and __fish_seen_subcommand_from help" -f -a "reopen" -d 'Have the master and its workers open their log by its name again'
complete -c ph -n "__fish_ph_using_subcommand log; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ph -n "__fish_ph_using_subcommand events" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand events" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand events" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand events" -s f -l follow -d 'Go on with what happens next, until interrupted or the master is gone'
complete -c ph -n "__fish_ph_using_subcommand events" -l json -d 'Each as a JSON object'
complete -c ph -n "__fish_ph_using_subcommand events" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand why" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand why" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand why" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand why" -l all -d 'The ends before that too, as many as are kept; --json always has them'
complete -c ph -n "__fish_ph_using_subcommand why" -l json -d 'As one JSON object'
complete -c ph -n "__fish_ph_using_subcommand why" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand metrics" -l listen -d 'Go on, and answer HTTP requests for /metrics at this address' -r
complete -c ph -n "__fish_ph_using_subcommand metrics" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand metrics" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand metrics" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand metrics" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand call" -l unix -d 'Connect to this Unix socket instead of ADDR' -r -F
complete -c ph -n "__fish_ph_using_subcommand call" -l timeout -d 'How long the call may take, connecting included' -r
complete -c ph -n "__fish_ph_using_subcommand call" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand call" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand call" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand call" -l notify -d 'Send a notification, to which there is no answer'
complete -c ph -n "__fish_ph_using_subcommand call" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand conform" -l timeout -d 'How long it may take to be ready, and to leave' -r
complete -c ph -n "__fish_ph_using_subcommand conform" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand conform" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand conform" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand conform" -l json -d 'As one JSON object'
complete -c ph -n "__fish_ph_using_subcommand conform" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand completions" -l set -d 'Set a key above file and environment; may be repeated' -r
complete -c ph -n "__fish_ph_using_subcommand completions" -s c -l config -d 'The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]' -r -F
complete -c ph -n "__fish_ph_using_subcommand completions" -s s -l section -d 'The section: one application, one master [default: the only one of the file]' -r
complete -c ph -n "__fish_ph_using_subcommand completions" -s h -l help -d 'Print help'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "run" -d 'Run in the foreground until told to stop'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "start" -d 'Start as `daemonize` says; returns when the workers are ready, or have failed'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "stop" -d 'Stop gracefully; returns when the master is gone'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "restart" -d 'Stop if running, then start'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "reload" -d 'Read the configuration again and replace the workers, new before old'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "upgrade" -d 'Have the program as it is on disk now take over; returns when it serves'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "status" -d 'Show the master and its workers'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "top" -d 'Watch the master and its workers on the whole terminal; restart, stop and scale them by keys'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "scale" -d 'Change the number of workers: N exactly, +N more, -N fewer; returns when they are ready'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "worker" -d 'List, restart or stop single workers'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "config" -d 'Check, show and edit the configuration'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "leader" -d 'Which of several masters has the workers: look, let others, or wait for it'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "log" -d 'Reopen the log, after it was renamed'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "events" -d 'Print what has happened, one line an event'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "why" -d 'Say how and why the last process of a worker ended, and what was seen of it before'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "metrics" -d 'Print the master\'s figures as OpenMetrics text, for Prometheus and the like'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "call" -d 'Call a method of a msgpack-RPC server, and print its result as JSON'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "conform" -d 'Put a program through the contract of a worker, and tell which points of it it keeps'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "completions" -d 'Print a completion script'
complete -c ph -n "__fish_ph_using_subcommand help; and not __fish_seen_subcommand_from run start stop restart reload upgrade status top scale worker config leader log events why metrics call conform completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ph -n "__fish_ph_using_subcommand help; and __fish_seen_subcommand_from worker" -f -a "list" -d 'List the workers'
complete -c ph -n "__fish_ph_using_subcommand help; and __fish_seen_subcommand_from worker" -f -a "restart" -d 'Replace workers by fresh ones, new before old'
complete -c ph -n "__fish_ph_using_subcommand help; and __fish_seen_subcommand_from worker" -f -a "stop" -d 'Retire a worker for good: the number of workers goes down by one'
complete -c ph -n "__fish_ph_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "check" -d 'Say whether the configuration is valid'
complete -c ph -n "__fish_ph_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Show every key, its value, and where that comes from'
complete -c ph -n "__fish_ph_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "get" -d 'Print the value of one key alone'
complete -c ph -n "__fish_ph_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "set" -d 'Write a value into the file, if the configuration is valid with it; nothing else in the file changes'
complete -c ph -n "__fish_ph_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "unset" -d 'Take a key out of the file; the comments around it stay'
complete -c ph -n "__fish_ph_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "diff" -d 'Compare the file, the running master and the defaults'
complete -c ph -n "__fish_ph_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "undo" -d 'Put back what the last set, unset or scale --save has changed; again, what the one before has'
complete -c ph -n "__fish_ph_using_subcommand help; and __fish_seen_subcommand_from leader" -f -a "status" -d 'Say whether this master leads, until when and by which token; or who does'
complete -c ph -n "__fish_ph_using_subcommand help; and __fish_seen_subcommand_from leader" -f -a "resign" -d 'Let another master lead; returns when no worker is left here'
complete -c ph -n "__fish_ph_using_subcommand help; and __fish_seen_subcommand_from leader" -f -a "wait" -d 'Wait until this master leads and its workers are ready'
complete -c ph -n "__fish_ph_using_subcommand help; and __fish_seen_subcommand_from log" -f -a "reopen" -d 'Have the master and its workers open their log by its name again'
