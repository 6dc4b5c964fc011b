
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'buktor-middleware' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'buktor-middleware'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'buktor-middleware' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Receive events and write them into the HIS until stopped (what happens without a command)')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check the configuration, the connection to the HIS database, and the mapping against its tables')
            [CompletionResult]::new('rehearse', 'rehearse', [CompletionResultType]::ParameterValue, 'Try an event on the real tables and take it back: shows each column before and after, and any error')
            [CompletionResult]::new('mapping', 'mapping', [CompletionResultType]::ParameterValue, 'Try the mapping without a database')
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Make his-config.json: connects to the HIS database, looks at its tables and proposes a mapping')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Show the whole path with a small database that stands in for the HIS; needs no server and no configuration')
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Send a test event to the running daemon')
            [CompletionResult]::new('sync', 'sync', [CompletionResultType]::ParameterValue, 'Write waiting events into the HIS now, without waiting for the schedule')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show how many events wait, are done or need attention, and whether the HIS can be reached')
            [CompletionResult]::new('events', 'events', [CompletionResultType]::ParameterValue, 'List, show, retry or discard single events; show and change which row of the HIS a record is')
            [CompletionResult]::new('audit', 'audit', [CompletionResultType]::ParameterValue, 'Show who sent which event, and who retried, discarded, linked, backed up or restored; the newest first')
            [CompletionResult]::new('backup', 'backup', [CompletionResultType]::ParameterValue, 'Copy the queue file, whole and consistent; works beside a running daemon')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'Put a backup in the place of the queue file, which is set aside; the daemon must be stopped')
            [CompletionResult]::new('queue', 'queue', [CompletionResultType]::ParameterValue, 'Change the key of the queue file''s events, or write the file anew')
            [CompletionResult]::new('secret', 'secret', [CompletionResultType]::ParameterValue, 'Keep secrets out of the configuration')
            [CompletionResult]::new('generate', 'generate', [CompletionResultType]::ParameterValue, 'Print files for packages and editors: manual page, shell completions, JSON Schema of his-config.json')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'buktor-middleware;run' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'buktor-middleware;check' {
            [CompletionResult]::new('--save-schema', '--save-schema', [CompletionResultType]::ParameterName, 'Also write the description of the mapped tables into this file, for `mapping test` and for support; it holds names and types, and nothing that stands in the tables')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print what was found as JSON, for scripts')
            [CompletionResult]::new('--grants', '--grants', [CompletionResultType]::ParameterName, 'Print only the GRANT statements by which the database''s administrator allows this login the least that the mappings need, also where nothing is missing')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'buktor-middleware;rehearse' {
            [CompletionResult]::new('--event', '--event', [CompletionResultType]::ParameterName, 'An event of the queue instead, by its number in the list or its `event_id`, whatever its state')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Also show the columns of the rows that stay as they are and that the mapping does not write')
            [CompletionResult]::new('--run-statements', '--run-statements', [CompletionResultType]::ParameterName, 'Run the mapping''s own statements, even if they call procedures: only where these do not commit by themselves')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, for scripts')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'buktor-middleware;mapping' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Compare what the mapping makes of example events with what is expected, without a database')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'buktor-middleware;mapping;test' {
            [CompletionResult]::new('--schema', '--schema', [CompletionResultType]::ParameterName, 'The description of the tables; without it the file that "schema" in the examples names, else his-schema.json beside them')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Write what comes now as "expect" into the examples that have none yet; look at it before you rely on it')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, for scripts')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'buktor-middleware;mapping;help' {
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Compare what the mapping makes of example events with what is expected, without a database')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'buktor-middleware;mapping;help;test' {
            break
        }
        'buktor-middleware;mapping;help;help' {
            break
        }
        'buktor-middleware;init' {
            [CompletionResult]::new('--type', '--type', [CompletionResultType]::ParameterName, 'The kind of database')
            [CompletionResult]::new('--host', '--host', [CompletionResultType]::ParameterName, 'Name or address of the database server, also as host:port; with SQL Server also HOST\INSTANCE, with Oracle also host:port/service')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Port of the database server; without it 3306 (MySQL), 1433 (SQL Server) or 1521 (Oracle)')
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'With SQL Server: the named instance, in place of a port')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'The login')
            [CompletionResult]::new('--password-env', '--password-env', [CompletionResultType]::ParameterName, 'The password is in this environment variable, now and when the program runs')
            [CompletionResult]::new('--password-file', '--password-file', [CompletionResultType]::ParameterName, 'The password is in this file, alone')
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Name of the database on the server; with Oracle of the service')
            [CompletionResult]::new('--schema', '--schema', [CompletionResultType]::ParameterName, 'With SQL Server and Oracle: the schema (owner) of the HIS''s tables; without it the login''s own')
            [CompletionResult]::new('--sid', '--sid', [CompletionResultType]::ParameterName, 'With Oracle: the SID, in place of the service')
            [CompletionResult]::new('--connect-string', '--connect-string', [CompletionResultType]::ParameterName, 'With Oracle: a connect descriptor or an alias of tnsnames.ora, in place of host, port and service')
            [CompletionResult]::new('--client-dir', '--client-dir', [CompletionResultType]::ParameterName, 'With Oracle: the folder of Oracle''s client library (Instant Client); without it where the system looks')
            [CompletionResult]::new('--path', '--path', [CompletionResultType]::ParameterName, 'With --type sqlite: the database file')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'How far the connection is encrypted; without it "prefer"')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'With --tls verify: a file with the certificate (PEM) of the authority that signed the server''s')
            [CompletionResult]::new('--timezone', '--timezone', [CompletionResultType]::ParameterName, 'Time zone of the dates and times in the HIS, by its IANA name; without it the machine''s')
            [CompletionResult]::new('--table', '--table', [CompletionResultType]::ParameterName, 'The table for an event type (`appointment`, `schedule_change`, `payment`), e.g. appointment=VISITS; none leaves the type out. Can be repeated')
            [CompletionResult]::new('--marker', '--marker', [CompletionResultType]::ParameterName, 'A free text column of that event type''s table, in which the program may leave a mark by which it knows its own rows, e.g. appointment=NOTE. Can be repeated')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The file to write; without it the one that --config names, else his-config.json in the current folder')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'The file to write; without it the one that --config names, else his-config.json in the current folder')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--password-stdin', '--password-stdin', [CompletionResultType]::ParameterName, 'Read the password from standard input; it is written into the configuration')
            [CompletionResult]::new('--windows-login', '--windows-login', [CompletionResultType]::ParameterName, 'With SQL Server, on Windows: log in as the Windows account that runs the program, now and later')
            [CompletionResult]::new('--same-ids', '--same-ids', [CompletionResultType]::ParameterName, 'Buktor sends the HIS''s own ids of patients, doctors and places: write them too')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Overwrite that file if it is there')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Accept what is proposed, without a question')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Accept what is proposed, without a question')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'buktor-middleware;demo' {
            [CompletionResult]::new('--keep', '--keep', [CompletionResultType]::ParameterName, 'Keep the demo''s files in this folder, to look at them or to try more with them')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'buktor-middleware;send' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Send the event in this file instead, one JSON object (- for standard input)')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'Send the event in this file instead, one JSON object (- for standard input)')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Where the daemon listens (https://HOST:PORT for TLS); without it, as the configuration says, else 127.0.0.1:5000')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--unsigned', '--unsigned', [CompletionResultType]::ParameterName, 'Send no token and no signature, to see what becomes of such a request')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'buktor-middleware;sync' {
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'How long to wait for the running daemon, in seconds')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--now', '--now', [CompletionResultType]::ParameterName, 'Write now; also what waits for a later attempt')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'buktor-middleware;status' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, for scripts')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'buktor-middleware;events' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List events; without a filter those that are not done, the oldest first')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show one event with its body (patient data!), its state and what to do')
            [CompletionResult]::new('retry', 'retry', [CompletionResultType]::ParameterValue, 'Try events again, after their cause was corrected')
            [CompletionResult]::new('discard', 'discard', [CompletionResultType]::ParameterValue, 'Give events up: they are never written into the HIS')
            [CompletionResult]::new('link', 'link', [CompletionResultType]::ParameterValue, 'Show which row of the HIS belongs to which record, where the row has a key that its table made itself')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'buktor-middleware;events;list' {
            [CompletionResult]::new('--state', '--state', [CompletionResultType]::ParameterName, 'Only this state (can be repeated): pending, deferred, held, waiting, paused, unmapped, parked, conflict, applied, stale, ignored, discarded, or all')
            [CompletionResult]::new('--cause', '--cause', [CompletionResultType]::ParameterName, 'Only this cause, as `status` shows it, e.g. too-long:appointment.status')
            [CompletionResult]::new('--kind', '--kind', [CompletionResultType]::ParameterName, 'Only this event type; appointment also shows appointment.created and its like')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Show at most so many')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, for scripts')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'buktor-middleware;events;show' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, for scripts')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'buktor-middleware;events;retry' {
            [CompletionResult]::new('--cause', '--cause', [CompletionResultType]::ParameterName, 'All events with this cause, as `status` shows it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'All events that need attention')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'buktor-middleware;events;discard' {
            [CompletionResult]::new('--cause', '--cause', [CompletionResultType]::ParameterName, 'All events with this cause, as `status` shows it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'All events that need attention')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'buktor-middleware;events;link' {
            [CompletionResult]::new('--table', '--table', [CompletionResultType]::ParameterName, 'Only links to this table')
            [CompletionResult]::new('--row', '--row', [CompletionResultType]::ParameterName, 'Only links to the row with this key')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Link the record to the row that has this key; its next events change that row')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Show at most so many')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--remove', '--remove', [CompletionResultType]::ParameterName, 'Forget the link; the record''s next event inserts a new row')
            [CompletionResult]::new('--same-database', '--same-database', [CompletionResultType]::ParameterName, 'The database that the configuration names now is the one that the links were made for, under another name')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, for scripts')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'buktor-middleware;events;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List events; without a filter those that are not done, the oldest first')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show one event with its body (patient data!), its state and what to do')
            [CompletionResult]::new('retry', 'retry', [CompletionResultType]::ParameterValue, 'Try events again, after their cause was corrected')
            [CompletionResult]::new('discard', 'discard', [CompletionResultType]::ParameterValue, 'Give events up: they are never written into the HIS')
            [CompletionResult]::new('link', 'link', [CompletionResultType]::ParameterValue, 'Show which row of the HIS belongs to which record, where the row has a key that its table made itself')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'buktor-middleware;events;help;list' {
            break
        }
        'buktor-middleware;events;help;show' {
            break
        }
        'buktor-middleware;events;help;retry' {
            break
        }
        'buktor-middleware;events;help;discard' {
            break
        }
        'buktor-middleware;events;help;link' {
            break
        }
        'buktor-middleware;events;help;help' {
            break
        }
        'buktor-middleware;audit' {
            [CompletionResult]::new('--event', '--event', [CompletionResultType]::ParameterName, 'Only what concerns this event, by its number or its `event_id`; it need not be in the queue any more')
            [CompletionResult]::new('--action', '--action', [CompletionResultType]::ParameterName, 'Only this action (can be repeated): received, duplicate, conflict, retry, discard, link, unlink, links-moved, erased, sync, rekey, backup, restore, compact')
            [CompletionResult]::new('--who', '--who', [CompletionResultType]::ParameterName, 'Only what was done by a credential, a user or an address that has this text in it')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Not before: 2026-11-21, "2026-11-21 14:30", 21.11.2026, today, yesterday (this machine''s time), or 2026-11-21T14:30:00Z')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Not after; a day counts to its end')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Show at most so many')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, for scripts')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'buktor-middleware;backup' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'buktor-middleware;restore' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'buktor-middleware;queue' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('rekey', 'rekey', [CompletionResultType]::ParameterValue, 'Encrypt all events in the queue file with a new key, after the old one may have become known')
            [CompletionResult]::new('compact', 'compact', [CompletionResultType]::ParameterValue, 'Write the queue file anew, without what is free in it, and let it give room back to the disk from then on')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'buktor-middleware;queue;rekey' {
            [CompletionResult]::new('--new-key', '--new-key', [CompletionResultType]::ParameterName, 'The file that holds the new key, a text of at least 32 characters; without it one is made. Needed where queue.key names no file')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'buktor-middleware;queue;compact' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'buktor-middleware;queue;help' {
            [CompletionResult]::new('rekey', 'rekey', [CompletionResultType]::ParameterValue, 'Encrypt all events in the queue file with a new key, after the old one may have become known')
            [CompletionResult]::new('compact', 'compact', [CompletionResultType]::ParameterValue, 'Write the queue file anew, without what is free in it, and let it give room back to the disk from then on')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'buktor-middleware;queue;help;rekey' {
            break
        }
        'buktor-middleware;queue;help;compact' {
            break
        }
        'buktor-middleware;queue;help;help' {
            break
        }
        'buktor-middleware;secret' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('new', 'new', [CompletionResultType]::ParameterValue, 'Make a fresh secret, and say where it goes here and at Buktor')
            [CompletionResult]::new('protect', 'protect', [CompletionResultType]::ParameterValue, 'On Windows: seal a password, token or key so that his-config.json need not hold it in clear')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'buktor-middleware;secret;new' {
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'What the audit trail is to call it, e.g. "buktor 2026"')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'Write it into this new file, which only its owner can read, in place of printing it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--token', '--token', [CompletionResultType]::ParameterName, 'Make a bearer token, which is sent with each event, in place of a signing secret')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'buktor-middleware;secret;protect' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Only the account that runs this command can open it, so run it as the service''s own account. Without this, every account of this machine can that reads his-config.json')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'buktor-middleware;secret;help' {
            [CompletionResult]::new('new', 'new', [CompletionResultType]::ParameterValue, 'Make a fresh secret, and say where it goes here and at Buktor')
            [CompletionResult]::new('protect', 'protect', [CompletionResultType]::ParameterValue, 'On Windows: seal a password, token or key so that his-config.json need not hold it in clear')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'buktor-middleware;secret;help;new' {
            break
        }
        'buktor-middleware;secret;help;protect' {
            break
        }
        'buktor-middleware;secret;help;help' {
            break
        }
        'buktor-middleware;generate' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'The manual page, for /usr/share/man/man1/buktor-middleware.1')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'What lets the Tab key complete this program''s commands')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'The JSON Schema of his-config.json, with which editors complete and check it')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'buktor-middleware;generate;man' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'buktor-middleware;generate;completions' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'buktor-middleware;generate;schema' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file; without it his-config.json is looked for in the program''s own folder, then in the current folder, then in /etc/buktor-middleware (on Windows %ProgramData%\Buktor)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'buktor-middleware;generate;help' {
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'The manual page, for /usr/share/man/man1/buktor-middleware.1')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'What lets the Tab key complete this program''s commands')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'The JSON Schema of his-config.json, with which editors complete and check it')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'buktor-middleware;generate;help;man' {
            break
        }
        'buktor-middleware;generate;help;completions' {
            break
        }
        'buktor-middleware;generate;help;schema' {
            break
        }
        'buktor-middleware;generate;help;help' {
            break
        }
        'buktor-middleware;help' {
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Receive events and write them into the HIS until stopped (what happens without a command)')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check the configuration, the connection to the HIS database, and the mapping against its tables')
            [CompletionResult]::new('rehearse', 'rehearse', [CompletionResultType]::ParameterValue, 'Try an event on the real tables and take it back: shows each column before and after, and any error')
            [CompletionResult]::new('mapping', 'mapping', [CompletionResultType]::ParameterValue, 'Try the mapping without a database')
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Make his-config.json: connects to the HIS database, looks at its tables and proposes a mapping')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Show the whole path with a small database that stands in for the HIS; needs no server and no configuration')
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Send a test event to the running daemon')
            [CompletionResult]::new('sync', 'sync', [CompletionResultType]::ParameterValue, 'Write waiting events into the HIS now, without waiting for the schedule')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show how many events wait, are done or need attention, and whether the HIS can be reached')
            [CompletionResult]::new('events', 'events', [CompletionResultType]::ParameterValue, 'List, show, retry or discard single events; show and change which row of the HIS a record is')
            [CompletionResult]::new('audit', 'audit', [CompletionResultType]::ParameterValue, 'Show who sent which event, and who retried, discarded, linked, backed up or restored; the newest first')
            [CompletionResult]::new('backup', 'backup', [CompletionResultType]::ParameterValue, 'Copy the queue file, whole and consistent; works beside a running daemon')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'Put a backup in the place of the queue file, which is set aside; the daemon must be stopped')
            [CompletionResult]::new('queue', 'queue', [CompletionResultType]::ParameterValue, 'Change the key of the queue file''s events, or write the file anew')
            [CompletionResult]::new('secret', 'secret', [CompletionResultType]::ParameterValue, 'Keep secrets out of the configuration')
            [CompletionResult]::new('generate', 'generate', [CompletionResultType]::ParameterValue, 'Print files for packages and editors: manual page, shell completions, JSON Schema of his-config.json')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'buktor-middleware;help;run' {
            break
        }
        'buktor-middleware;help;check' {
            break
        }
        'buktor-middleware;help;rehearse' {
            break
        }
        'buktor-middleware;help;mapping' {
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Compare what the mapping makes of example events with what is expected, without a database')
            break
        }
        'buktor-middleware;help;mapping;test' {
            break
        }
        'buktor-middleware;help;init' {
            break
        }
        'buktor-middleware;help;demo' {
            break
        }
        'buktor-middleware;help;send' {
            break
        }
        'buktor-middleware;help;sync' {
            break
        }
        'buktor-middleware;help;status' {
            break
        }
        'buktor-middleware;help;events' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List events; without a filter those that are not done, the oldest first')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show one event with its body (patient data!), its state and what to do')
            [CompletionResult]::new('retry', 'retry', [CompletionResultType]::ParameterValue, 'Try events again, after their cause was corrected')
            [CompletionResult]::new('discard', 'discard', [CompletionResultType]::ParameterValue, 'Give events up: they are never written into the HIS')
            [CompletionResult]::new('link', 'link', [CompletionResultType]::ParameterValue, 'Show which row of the HIS belongs to which record, where the row has a key that its table made itself')
            break
        }
        'buktor-middleware;help;events;list' {
            break
        }
        'buktor-middleware;help;events;show' {
            break
        }
        'buktor-middleware;help;events;retry' {
            break
        }
        'buktor-middleware;help;events;discard' {
            break
        }
        'buktor-middleware;help;events;link' {
            break
        }
        'buktor-middleware;help;audit' {
            break
        }
        'buktor-middleware;help;backup' {
            break
        }
        'buktor-middleware;help;restore' {
            break
        }
        'buktor-middleware;help;queue' {
            [CompletionResult]::new('rekey', 'rekey', [CompletionResultType]::ParameterValue, 'Encrypt all events in the queue file with a new key, after the old one may have become known')
            [CompletionResult]::new('compact', 'compact', [CompletionResultType]::ParameterValue, 'Write the queue file anew, without what is free in it, and let it give room back to the disk from then on')
            break
        }
        'buktor-middleware;help;queue;rekey' {
            break
        }
        'buktor-middleware;help;queue;compact' {
            break
        }
        'buktor-middleware;help;secret' {
            [CompletionResult]::new('new', 'new', [CompletionResultType]::ParameterValue, 'Make a fresh secret, and say where it goes here and at Buktor')
            [CompletionResult]::new('protect', 'protect', [CompletionResultType]::ParameterValue, 'On Windows: seal a password, token or key so that his-config.json need not hold it in clear')
            break
        }
        'buktor-middleware;help;secret;new' {
            break
        }
        'buktor-middleware;help;secret;protect' {
            break
        }
        'buktor-middleware;help;generate' {
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'The manual page, for /usr/share/man/man1/buktor-middleware.1')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'What lets the Tab key complete this program''s commands')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'The JSON Schema of his-config.json, with which editors complete and check it')
            break
        }
        'buktor-middleware;help;generate;man' {
            break
        }
        'buktor-middleware;help;generate;completions' {
            break
        }
        'buktor-middleware;help;generate;schema' {
            break
        }
        'buktor-middleware;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
