# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_buktor_middleware_global_optspecs
    string join \n c/config= h/help V/version
end

function __fish_buktor_middleware_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_buktor_middleware_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_buktor_middleware_using_subcommand
    set -l cmd (__fish_buktor_middleware_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -s V -l version -d 'Print version'
complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -f -a "run" -d 'Receive events and write them into the HIS until stopped (what happens without a command)'
complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -f -a "check" -d 'Check the configuration, the connection to the HIS database, and the mapping against its tables'
complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -f -a "rehearse" -d 'Try an event on the real tables and take it back: shows each column before and after, and any error'
complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -f -a "mapping" -d 'Try the mapping without a database'
complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -f -a "init" -d 'Make his-config.json: connects to the HIS database, looks at its tables and proposes a mapping'
complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -f -a "demo" -d 'Show the whole path with a small database that stands in for the HIS; needs no server and no configuration'
complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -f -a "send" -d 'Send a test event to the running daemon'
complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -f -a "sync" -d 'Write waiting events into the HIS now, without waiting for the schedule'
complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -f -a "status" -d 'Show how many events wait, are done or need attention, and whether the HIS can be reached'
complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -f -a "events" -d 'List, show, retry or discard single events; show and change which row of the HIS a record is'
complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -f -a "audit" -d 'Show who sent which event, and who retried, discarded, linked, backed up or restored; the newest first'
complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -f -a "backup" -d 'Copy the queue file, whole and consistent; works beside a running daemon'
complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -f -a "restore" -d 'Put a backup in the place of the queue file, which is set aside; the daemon must be stopped'
complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -f -a "queue" -d 'Change the key of the queue file\'s events, or write the file anew'
complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -f -a "secret" -d 'Keep secrets out of the configuration'
complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -f -a "generate" -d 'Print files for packages and editors: manual page, shell completions, JSON Schema of his-config.json'
complete -c buktor-middleware -n "__fish_buktor_middleware_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand run" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand run" -s h -l help -d 'Print help'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand check" -l save-schema -d 'Also write the description of the mapped tables into this file, for `mapping test` and for support; it holds names and types, and nothing that stands in the tables' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand check" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand check" -l json -d 'Print what was found as JSON, for scripts'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand check" -l grants -d 'Print only the GRANT statements by which the database\'s administrator allows this login the least that the mappings need, also where nothing is missing'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand rehearse" -l event -d 'An event of the queue instead, by its number in the list or its `event_id`, whatever its state' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand rehearse" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand rehearse" -l all -d 'Also show the columns of the rows that stay as they are and that the mapping does not write'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand rehearse" -l run-statements -d 'Run the mapping\'s own statements, even if they call procedures: only where these do not commit by themselves'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand rehearse" -l json -d 'Print JSON, for scripts'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand rehearse" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand mapping; and not __fish_seen_subcommand_from test help" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand mapping; and not __fish_seen_subcommand_from test help" -s h -l help -d 'Print help'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand mapping; and not __fish_seen_subcommand_from test help" -f -a "test" -d 'Compare what the mapping makes of example events with what is expected, without a database'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand mapping; and not __fish_seen_subcommand_from test help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand mapping; and __fish_seen_subcommand_from test" -l schema -d 'The description of the tables; without it the file that "schema" in the examples names, else his-schema.json beside them' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand mapping; and __fish_seen_subcommand_from test" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand mapping; and __fish_seen_subcommand_from test" -l record -d 'Write what comes now as "expect" into the examples that have none yet; look at it before you rely on it'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand mapping; and __fish_seen_subcommand_from test" -l json -d 'Print JSON, for scripts'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand mapping; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand mapping; and __fish_seen_subcommand_from help" -f -a "test" -d 'Compare what the mapping makes of example events with what is expected, without a database'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand mapping; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l type -d 'The kind of database' -r -f -a "mysql\t'MySQL and MariaDB'
sqlserver\t'Microsoft SQL Server'
oracle\t'Oracle'
sqlite\t'An SQLite file, for trials'"
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l host -d 'Name or address of the database server, also as host:port; with SQL Server also HOST\\INSTANCE, with Oracle also host:port/service' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l port -d 'Port of the database server; without it 3306 (MySQL), 1433 (SQL Server) or 1521 (Oracle)' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l instance -d 'With SQL Server: the named instance, in place of a port' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l user -d 'The login' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l password-env -d 'The password is in this environment variable, now and when the program runs' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l password-file -d 'The password is in this file, alone' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l database -d 'Name of the database on the server; with Oracle of the service' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l schema -d 'With SQL Server and Oracle: the schema (owner) of the HIS\'s tables; without it the login\'s own' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l sid -d 'With Oracle: the SID, in place of the service' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l connect-string -d 'With Oracle: a connect descriptor or an alias of tnsnames.ora, in place of host, port and service' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l client-dir -d 'With Oracle: the folder of Oracle\'s client library (Instant Client); without it where the system looks' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l path -d 'With --type sqlite: the database file' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l tls -d 'How far the connection is encrypted; without it "prefer"' -r -f -a "off\t'Never'
prefer\t'Where the server can; its certificate is not checked'
require\t'Always; its certificate is not checked'
verify\t'Always, and the server\'s certificate and name are checked'"
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l ca-file -d 'With --tls verify: a file with the certificate (PEM) of the authority that signed the server\'s' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l timezone -d 'Time zone of the dates and times in the HIS, by its IANA name; without it the machine\'s' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l table -d 'The table for an event type (`appointment`, `schedule_change`, `payment`), e.g. appointment=VISITS; none leaves the type out. Can be repeated' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l marker -d 'A free text column of that event type\'s table, in which the program may leave a mark by which it knows its own rows, e.g. appointment=NOTE. Can be repeated' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -s o -l output -d 'The file to write; without it the one that --config names, else his-config.json in the current folder' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l password-stdin -d 'Read the password from standard input; it is written into the configuration'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l windows-login -d 'With SQL Server, on Windows: log in as the Windows account that runs the program, now and later'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l same-ids -d 'Buktor sends the HIS\'s own ids of patients, doctors and places: write them too'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -l force -d 'Overwrite that file if it is there'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -s y -l yes -d 'Accept what is proposed, without a question'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand demo" -l keep -d 'Keep the demo\'s files in this folder, to look at them or to try more with them' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand demo" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand send" -s f -l file -d 'Send the event in this file instead, one JSON object (- for standard input)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand send" -l to -d 'Where the daemon listens (https://HOST:PORT for TLS); without it, as the configuration says, else 127.0.0.1:5000' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand send" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand send" -l unsigned -d 'Send no token and no signature, to see what becomes of such a request'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand send" -s h -l help -d 'Print help'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand sync" -l wait -d 'How long to wait for the running daemon, in seconds' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand sync" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand sync" -l now -d 'Write now; also what waits for a later attempt'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand sync" -s h -l help -d 'Print help'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand status" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand status" -l json -d 'Print JSON, for scripts'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand status" -s h -l help -d 'Print help'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and not __fish_seen_subcommand_from list show retry discard link help" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and not __fish_seen_subcommand_from list show retry discard link help" -s h -l help -d 'Print help'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and not __fish_seen_subcommand_from list show retry discard link help" -f -a "list" -d 'List events; without a filter those that are not done, the oldest first'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and not __fish_seen_subcommand_from list show retry discard link help" -f -a "show" -d 'Show one event with its body (patient data!), its state and what to do'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and not __fish_seen_subcommand_from list show retry discard link help" -f -a "retry" -d 'Try events again, after their cause was corrected'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and not __fish_seen_subcommand_from list show retry discard link help" -f -a "discard" -d 'Give events up: they are never written into the HIS'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and not __fish_seen_subcommand_from list show retry discard link help" -f -a "link" -d 'Show which row of the HIS belongs to which record, where the row has a key that its table made itself'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and not __fish_seen_subcommand_from list show retry discard link help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from list" -l state -d 'Only this state (can be repeated): pending, deferred, held, waiting, paused, unmapped, parked, conflict, applied, stale, ignored, discarded, or all' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from list" -l cause -d 'Only this cause, as `status` shows it, e.g. too-long:appointment.status' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from list" -l kind -d 'Only this event type; appointment also shows appointment.created and its like' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from list" -l limit -d 'Show at most so many' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from list" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from list" -l json -d 'Print JSON, for scripts'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from show" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from show" -l json -d 'Print JSON, for scripts'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from retry" -l cause -d 'All events with this cause, as `status` shows it' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from retry" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from retry" -l all -d 'All events that need attention'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from discard" -l cause -d 'All events with this cause, as `status` shows it' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from discard" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from discard" -l all -d 'All events that need attention'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from discard" -l yes -d 'Do not ask'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from discard" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from link" -l table -d 'Only links to this table' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from link" -l row -d 'Only links to the row with this key' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from link" -l to -d 'Link the record to the row that has this key; its next events change that row' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from link" -l limit -d 'Show at most so many' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from link" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from link" -l remove -d 'Forget the link; the record\'s next event inserts a new row'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from link" -l same-database -d 'The database that the configuration names now is the one that the links were made for, under another name'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from link" -l yes -d 'Do not ask'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from link" -l json -d 'Print JSON, for scripts'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from link" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "list" -d 'List events; without a filter those that are not done, the oldest first'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one event with its body (patient data!), its state and what to do'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "retry" -d 'Try events again, after their cause was corrected'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "discard" -d 'Give events up: they are never written into the HIS'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "link" -d 'Show which row of the HIS belongs to which record, where the row has a key that its table made itself'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand audit" -l event -d 'Only what concerns this event, by its number or its `event_id`; it need not be in the queue any more' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand audit" -l action -d 'Only this action (can be repeated): received, duplicate, conflict, retry, discard, link, unlink, links-moved, erased, sync, rekey, backup, restore, compact' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand audit" -l who -d 'Only what was done by a credential, a user or an address that has this text in it' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand audit" -l since -d 'Not before: 2026-11-21, "2026-11-21 14:30", 21.11.2026, today, yesterday (this machine\'s time), or 2026-11-21T14:30:00Z' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand audit" -l until -d 'Not after; a day counts to its end' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand audit" -l limit -d 'Show at most so many' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand audit" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand audit" -l json -d 'Print JSON, for scripts'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand audit" -s h -l help -d 'Print help'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand backup" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand backup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand restore" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand restore" -l yes -d 'Do not ask'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand restore" -s h -l help -d 'Print help'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand queue; and not __fish_seen_subcommand_from rekey compact help" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand queue; and not __fish_seen_subcommand_from rekey compact help" -s h -l help -d 'Print help'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand queue; and not __fish_seen_subcommand_from rekey compact help" -f -a "rekey" -d 'Encrypt all events in the queue file with a new key, after the old one may have become known'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand queue; and not __fish_seen_subcommand_from rekey compact help" -f -a "compact" -d 'Write the queue file anew, without what is free in it, and let it give room back to the disk from then on'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand queue; and not __fish_seen_subcommand_from rekey compact help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand queue; and __fish_seen_subcommand_from rekey" -l new-key -d 'The file that holds the new key, a text of at least 32 characters; without it one is made. Needed where queue.key names no file' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand queue; and __fish_seen_subcommand_from rekey" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand queue; and __fish_seen_subcommand_from rekey" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand queue; and __fish_seen_subcommand_from compact" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand queue; and __fish_seen_subcommand_from compact" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "rekey" -d 'Encrypt all events in the queue file with a new key, after the old one may have become known'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "compact" -d 'Write the queue file anew, without what is free in it, and let it give room back to the disk from then on'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand secret; and not __fish_seen_subcommand_from new protect help" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand secret; and not __fish_seen_subcommand_from new protect help" -s h -l help -d 'Print help'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand secret; and not __fish_seen_subcommand_from new protect help" -f -a "new" -d 'Make a fresh secret, and say where it goes here and at Buktor'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand secret; and not __fish_seen_subcommand_from new protect help" -f -a "protect" -d 'On Windows: seal a password, token or key so that his-config.json need not hold it in clear'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand secret; and not __fish_seen_subcommand_from new protect help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand secret; and __fish_seen_subcommand_from new" -l name -d 'What the audit trail is to call it, e.g. "buktor 2026"' -r
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand secret; and __fish_seen_subcommand_from new" -l file -d 'Write it into this new file, which only its owner can read, in place of printing it' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand secret; and __fish_seen_subcommand_from new" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand secret; and __fish_seen_subcommand_from new" -l token -d 'Make a bearer token, which is sent with each event, in place of a signing secret'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand secret; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand secret; and __fish_seen_subcommand_from protect" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand secret; and __fish_seen_subcommand_from protect" -l user -d 'Only the account that runs this command can open it, so run it as the service\'s own account. Without this, every account of this machine can that reads his-config.json'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand secret; and __fish_seen_subcommand_from protect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand secret; and __fish_seen_subcommand_from help" -f -a "new" -d 'Make a fresh secret, and say where it goes here and at Buktor'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand secret; and __fish_seen_subcommand_from help" -f -a "protect" -d 'On Windows: seal a password, token or key so that his-config.json need not hold it in clear'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand secret; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand generate; and not __fish_seen_subcommand_from man completions schema help" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand generate; and not __fish_seen_subcommand_from man completions schema help" -s h -l help -d 'Print help'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand generate; and not __fish_seen_subcommand_from man completions schema help" -f -a "man" -d 'The manual page, for /usr/share/man/man1/buktor-middleware.1'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand generate; and not __fish_seen_subcommand_from man completions schema help" -f -a "completions" -d 'What lets the Tab key complete this program\'s commands'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand generate; and not __fish_seen_subcommand_from man completions schema help" -f -a "schema" -d 'The JSON Schema of his-config.json, with which editors complete and check it'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand generate; and not __fish_seen_subcommand_from man completions schema help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand generate; and __fish_seen_subcommand_from man" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand generate; and __fish_seen_subcommand_from man" -s h -l help -d 'Print help'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand generate; and __fish_seen_subcommand_from completions" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand generate; and __fish_seen_subcommand_from completions" -s h -l help -d 'Print help'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand generate; and __fish_seen_subcommand_from schema" -s c -l config -d 'The configuration file; without it his-config.json is looked for in the program\'s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\\Buktor)' -r -F
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand generate; and __fish_seen_subcommand_from schema" -s h -l help -d 'Print help'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand generate; and __fish_seen_subcommand_from help" -f -a "man" -d 'The manual page, for /usr/share/man/man1/buktor-middleware.1'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand generate; and __fish_seen_subcommand_from help" -f -a "completions" -d 'What lets the Tab key complete this program\'s commands'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand generate; and __fish_seen_subcommand_from help" -f -a "schema" -d 'The JSON Schema of his-config.json, with which editors complete and check it'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand generate; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and not __fish_seen_subcommand_from run check rehearse mapping init demo send sync status events audit backup restore queue secret generate help" -f -a "run" -d 'Receive events and write them into the HIS until stopped (what happens without a command)'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and not __fish_seen_subcommand_from run check rehearse mapping init demo send sync status events audit backup restore queue secret generate help" -f -a "check" -d 'Check the configuration, the connection to the HIS database, and the mapping against its tables'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and not __fish_seen_subcommand_from run check rehearse mapping init demo send sync status events audit backup restore queue secret generate help" -f -a "rehearse" -d 'Try an event on the real tables and take it back: shows each column before and after, and any error'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and not __fish_seen_subcommand_from run check rehearse mapping init demo send sync status events audit backup restore queue secret generate help" -f -a "mapping" -d 'Try the mapping without a database'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and not __fish_seen_subcommand_from run check rehearse mapping init demo send sync status events audit backup restore queue secret generate help" -f -a "init" -d 'Make his-config.json: connects to the HIS database, looks at its tables and proposes a mapping'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and not __fish_seen_subcommand_from run check rehearse mapping init demo send sync status events audit backup restore queue secret generate help" -f -a "demo" -d 'Show the whole path with a small database that stands in for the HIS; needs no server and no configuration'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and not __fish_seen_subcommand_from run check rehearse mapping init demo send sync status events audit backup restore queue secret generate help" -f -a "send" -d 'Send a test event to the running daemon'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and not __fish_seen_subcommand_from run check rehearse mapping init demo send sync status events audit backup restore queue secret generate help" -f -a "sync" -d 'Write waiting events into the HIS now, without waiting for the schedule'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and not __fish_seen_subcommand_from run check rehearse mapping init demo send sync status events audit backup restore queue secret generate help" -f -a "status" -d 'Show how many events wait, are done or need attention, and whether the HIS can be reached'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and not __fish_seen_subcommand_from run check rehearse mapping init demo send sync status events audit backup restore queue secret generate help" -f -a "events" -d 'List, show, retry or discard single events; show and change which row of the HIS a record is'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and not __fish_seen_subcommand_from run check rehearse mapping init demo send sync status events audit backup restore queue secret generate help" -f -a "audit" -d 'Show who sent which event, and who retried, discarded, linked, backed up or restored; the newest first'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and not __fish_seen_subcommand_from run check rehearse mapping init demo send sync status events audit backup restore queue secret generate help" -f -a "backup" -d 'Copy the queue file, whole and consistent; works beside a running daemon'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and not __fish_seen_subcommand_from run check rehearse mapping init demo send sync status events audit backup restore queue secret generate help" -f -a "restore" -d 'Put a backup in the place of the queue file, which is set aside; the daemon must be stopped'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and not __fish_seen_subcommand_from run check rehearse mapping init demo send sync status events audit backup restore queue secret generate help" -f -a "queue" -d 'Change the key of the queue file\'s events, or write the file anew'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and not __fish_seen_subcommand_from run check rehearse mapping init demo send sync status events audit backup restore queue secret generate help" -f -a "secret" -d 'Keep secrets out of the configuration'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and not __fish_seen_subcommand_from run check rehearse mapping init demo send sync status events audit backup restore queue secret generate help" -f -a "generate" -d 'Print files for packages and editors: manual page, shell completions, JSON Schema of his-config.json'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and not __fish_seen_subcommand_from run check rehearse mapping init demo send sync status events audit backup restore queue secret generate help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and __fish_seen_subcommand_from mapping" -f -a "test" -d 'Compare what the mapping makes of example events with what is expected, without a database'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and __fish_seen_subcommand_from events" -f -a "list" -d 'List events; without a filter those that are not done, the oldest first'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and __fish_seen_subcommand_from events" -f -a "show" -d 'Show one event with its body (patient data!), its state and what to do'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and __fish_seen_subcommand_from events" -f -a "retry" -d 'Try events again, after their cause was corrected'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and __fish_seen_subcommand_from events" -f -a "discard" -d 'Give events up: they are never written into the HIS'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and __fish_seen_subcommand_from events" -f -a "link" -d 'Show which row of the HIS belongs to which record, where the row has a key that its table made itself'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "rekey" -d 'Encrypt all events in the queue file with a new key, after the old one may have become known'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "compact" -d 'Write the queue file anew, without what is free in it, and let it give room back to the disk from then on'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and __fish_seen_subcommand_from secret" -f -a "new" -d 'Make a fresh secret, and say where it goes here and at Buktor'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and __fish_seen_subcommand_from secret" -f -a "protect" -d 'On Windows: seal a password, token or key so that his-config.json need not hold it in clear'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and __fish_seen_subcommand_from generate" -f -a "man" -d 'The manual page, for /usr/share/man/man1/buktor-middleware.1'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and __fish_seen_subcommand_from generate" -f -a "completions" -d 'What lets the Tab key complete this program\'s commands'
complete -c buktor-middleware -n "__fish_buktor_middleware_using_subcommand help; and __fish_seen_subcommand_from generate" -f -a "schema" -d 'The JSON Schema of his-config.json, with which editors complete and check it'
