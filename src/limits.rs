//! Every limit of the program as a named constant, unit last. Defaults that the configuration can change
//! are here too, so that there is one place to read what the daemon will never exceed.

use std::time::Duration;

/// Largest accepted request body; what `server.max_body_kb` defaults to, in KiB.
pub const BODY_KIB_DEFAULT: u64 = 1024;
/// What `server.max_body_kb` may be set to at most, in KiB.
pub const BODY_KIB_MAX: u64 = 16 * 1024;
/// Header lines accepted in one request.
pub const HEADERS_MAX: usize = 64;
/// Bytes of request line and headers that are buffered for one connection.
pub const HEADER_BYTES_MAX: usize = 32 * 1024;
/// From the first to the last byte of a request's headers; also how long an idle connection is kept.
pub const HEADER_TIME_DEFAULT: Duration = Duration::from_secs(15);
/// From the end of the headers to the last byte of the body.
pub const BODY_TIME_DEFAULT: Duration = Duration::from_secs(30);
/// Connections served at a time; where all are taken, one that keeps its request back is cut for a new one.
pub const CONNECTIONS_DEFAULT: u64 = 512;
/// Of these from one address, `server.max_connections_per_address`: three quarters.
pub const CONNECTIONS_PER_ADDRESS_DEFAULT: u64 = 384;
/// Requests a second from one address, `server.max_requests_per_second`: more than a hospital has in an hour.
pub const REQUESTS_PER_SECOND_DEFAULT: u32 = 10_000;
/// Requests at once that an address may have saved up, in time at its rate.
pub const REQUEST_BURST: Duration = Duration::from_secs(10);
/// Addresses whose requests are counted at a time; an IPv6 network of 64 bits counts as one.
pub const RATE_ADDRESSES_MAX: usize = 8192;
/// Signatures in one `webhook-signature` that are looked at; a request with more is refused.
pub const SIGNATURES_MAX: usize = 16;
/// Bytes of bodies that all requests under way hold together.
pub const BODIES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Resident memory of the daemon in MiB, whatever strangers do at its port (tests/it/hostile.rs): the program and its queue,
/// [`BODIES_BYTES_MAX`] and as much again in the allocator's hands, and for each of [`CONNECTIONS_DEFAULT`] connections and 64 on
/// their way out its buffers. Larger bodies than [`BODY_KIB_DEFAULT`] and more connections add to it.
pub const RESIDENT_MIB_MAX: u64 = 192;
/// How often the files of the listener's certificate are looked at.
pub const TLS_RENEWAL_INTERVAL: Duration = Duration::from_secs(3);
/// Shortest accepted bearer token and signing secret, in characters.
pub const SECRET_CHARS_MIN: usize = 16;
/// Shortest accepted key in a `whsec_` secret, in bytes.
pub const WEBHOOK_KEY_BYTES_MIN: usize = 16;
/// Tokens, and signing secrets, that may be configured: each is compared with what a request shows.
pub const CREDENTIALS_MAX: usize = 8;
/// How often refused requests are told in the log.
pub const REFUSED_TOLD_EVERY: Duration = Duration::from_mins(1);
/// Longest name of a token or signing secret.
pub const CREDENTIAL_NAME_CHARS_MAX: usize = 64;
/// Addresses and networks that `auth.allowed_addresses` and `auth.trusted_proxies` may have.
pub const NETWORKS_MAX: usize = 1000;
/// Shortest accepted key of the queue file's payloads, in characters.
pub const MASTER_KEY_CHARS_MIN: usize = 32;
/// How far the time of a Standard Webhooks signature may be from this machine's.
pub const SIGNATURE_AGE_MAX: Duration = Duration::from_mins(5);
/// What a stop may take: requests under way are answered, the batch under way is finished.
pub const STOP_DEADLINE: Duration = Duration::from_secs(20);

/// What the batch under way may take of it.
pub const STOP_BATCH_TIME: Duration = Duration::from_secs(10);

/// Longest accepted `event_id`.
pub const EVENT_ID_BYTES_MAX: usize = 255;
/// Longest accepted event type and operation.
pub const EVENT_KIND_BYTES_MAX: usize = 128;
/// Deepest nesting of arrays and objects in a body (`serde_json`'s own limit).
pub const JSON_DEPTH_MAX: usize = 128;

/// Requests that share one commit of the queue at most.
pub const COMMIT_REQUESTS_MAX: usize = 512;
/// Requests that wait for the queue's owner thread before callers are held back.
pub const QUEUE_CHANNEL_MAX: usize = 4096;
/// Events waiting to be applied before the daemon answers 503, `queue.max_events`.
pub const QUEUE_EVENTS_DEFAULT: u64 = 5_000_000;
/// Free space that the queue leaves on its disk, `queue.min_free_mb`, in MiB.
pub const QUEUE_FREE_MIB_DEFAULT: u64 = 256;
/// How long applied events are kept, `queue.keep_applied_days`.
pub const KEEP_APPLIED_DAYS_DEFAULT: u64 = 30;
/// How long the audit trail tells of received events, `queue.keep_audit_days`.
pub const KEEP_AUDIT_DAYS_DEFAULT: u32 = 365;
/// How long the audit trail tells of what operators did.
pub const KEEP_AUDIT_OPERATORS: Duration = Duration::from_hours(10 * 366 * 24);
/// Of the duplicates of so much time ...
pub const AUDIT_DUPLICATES_TIME: Duration = Duration::from_hours(1);
/// ... so many get a row of their own in the audit trail; the others are counted.
pub const AUDIT_DUPLICATES_MAX: usize = 200;
/// Longest detail in the audit trail.
pub const AUDIT_DETAIL_BYTES_MAX: usize = 1000;
/// How far the clock may run ahead of what was expected of it before nothing is erased by it.
pub const CLOCK_AHEAD_MAX: Duration = Duration::from_hours(1);
/// How much later than the newest event a daemon may start before its clock is doubted in the same way.
pub const CLOCK_GAP_MAX: Duration = Duration::from_hours(7 * 24);
/// How long a clock that was moved forward must have stood so before anything is erased by it.
pub const CLOCK_DOUBT: Duration = Duration::from_hours(24);
/// How often the schedule looks whether the clock was moved.
pub const CLOCK_LOOK: Duration = Duration::from_secs(1);
/// How far the clock may move away from the time that has passed between two such looks.
pub const CLOCK_STEP_MAX: Duration = Duration::from_secs(3);
/// How long the newest applied version of a record is remembered, to recognise stale events.
pub const KEEP_ENTITIES: Duration = Duration::from_hours(400 * 24);
/// How often the daemon looks for events that retention lets it erase.
pub const PRUNE_INTERVAL: Duration = Duration::from_mins(10);
/// How often it tries to empty the queue's log while another process reads the file.
pub const TIDY_INTERVAL: Duration = Duration::from_secs(10);
/// Rows that one pruning step deletes, so that it never holds up ingest for long.
pub const PRUNE_ROWS_MAX: u32 = 1000;
/// Bytes of bodies that one pruning step deletes, beyond its first event: their pages are overwritten.
pub const PRUNE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Rows that one step seals or unseals.
pub const CONVERT_ROWS_MAX: u32 = 250;
/// Bytes of bodies that one step seals or unseals, beyond its first event.
pub const CONVERT_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Pages of the queue file that one step gives back to the disk: 4 MiB.
pub const SHRINK_PAGES_MAX: u32 = 1024;
/// Free pages that the queue file keeps for what comes next: 1 MiB.
pub const FREE_PAGES_KEPT: u64 = 256;
/// A queue file of an earlier version with at most so many bytes in use is written anew when it is opened.
pub const COMPACT_AT_START_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// How long a command waits for the other process that writes to the queue file.
pub const QUEUE_BUSY_TIME: Duration = Duration::from_secs(10);
/// A queue file up to this size is checked as a whole when it is opened.
pub const QUICK_CHECK_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Longest error text that is kept with an event.
pub const ERROR_BYTES_MAX: usize = 2000;
/// Longest text of a missing record that an event can wait for; with a longer one it waits for an operator.
pub const AWAITS_BYTES_MAX: usize = 2000;
/// Events that are counted for a missing record while the daemon looks after it; there may be more.
pub const AWAITING_COUNTED_MAX: u32 = 1000;
/// Names that the queue keeps in memory with their numbers in the file, of each sort; there are a few dozen.
pub const NAMES_CACHED_MAX: usize = 4096;

/// Events that a page holds at most, `sync.batch_events`.
pub const BATCH_EVENTS_DEFAULT: u64 = 1024;
/// What `sync.batch_events` may be set to at most.
pub const BATCH_EVENTS_MAX: u64 = 5000;
/// Bytes of event bodies that a page holds at most.
pub const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Rows of one multi-row statement at most.
pub const STATEMENT_ROWS_MAX: usize = 512;
/// Times that an event may take the whole process down before it is parked.
pub const CRASHES_MAX: u32 = 8;
/// Attempts after an error that no class describes, before the event is parked.
pub const UNRECOGNISED_ATTEMPTS_MAX: u32 = 5;
/// Times running that an event may lose the connection in one of its statements before it is parked.
pub const LOST_ATTEMPTS_MAX: u32 = 3;
/// First delay after a busy row, a lost connection, an outage.
pub const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// Longest delay between two attempts to reach the HIS database.
pub const OUTAGE_BACKOFF_MAX: Duration = Duration::from_mins(1);
/// Longest delay between two attempts at a busy row.
pub const BUSY_BACKOFF_MAX: Duration = Duration::from_mins(1);
/// Longest delay of an event, all of those above and below included: one that is to wait for longer was put off before the clock
/// was moved back, and is due.
pub const WAIT_MAX: Duration = Duration::from_mins(1);
/// How long each event waits for a lock, once one of its page has met one.
pub const LOCK_TIME_HURRIED: Duration = Duration::from_secs(1);
/// Events of one mapping running that may wait for a lock in one pass; then its others are put off without a try.
pub const BUSY_EVENTS_MAX: u32 = 5;
/// Delay while the HIS database refuses the login or is out of space: hammering locks accounts.
pub const REFUSED_BACKOFF: Duration = Duration::from_mins(1);
/// Logins in a row that the server refuses before the daemon makes no more by itself: Oracle locks an account after ten
/// (`FAILED_LOGIN_ATTEMPTS`), and a policy of Windows after as few as five.
pub const LOGINS_REFUSED_MAX: u32 = 3;
/// How long an event in doubt waits for a moment in which nobody writes its table (Oracle): a COMMIT that was on its way does
/// not take so long.
pub const QUIET_TIME_MAX: Duration = Duration::from_mins(1);
/// Delay before an event that waits for its parent row is tried again without a sign.
pub const PARENT_BACKOFF: Duration = Duration::from_mins(1);
/// Age after which the description of the HIS tables is read again.
pub const SCHEMA_AGE_MAX: Duration = Duration::from_mins(1);
/// The same while events wait for a mapping to fit.
pub const SCHEMA_AGE_PAUSED_MAX: Duration = Duration::from_secs(10);
/// Age below which it is not read again because of a refused event.
pub const SCHEMA_REFRESH_MIN: Duration = Duration::from_secs(2);
/// Times running that a COMMIT without an answer is repeated at once, before the daemon backs off.
pub const COMMIT_REPLAYS_MAX: u32 = 3;
/// What lookups have found is remembered for this long: a doctor's id in the HIS hardly ever changes.
pub const LOOKUP_AGE_MAX: Duration = Duration::from_mins(1);
/// Values whose lookup is remembered.
pub const LOOKUPS_KEPT_MAX: usize = 20_000;
/// How often the HIS is asked whether records that events wait for have appeared.
pub const AWAITED_INTERVAL: Duration = Duration::from_secs(10);
/// Such records that one query asks for.
pub const AWAITED_RECORDS_MAX: usize = 500;
/// How far ahead of their time an operator's cycle takes up waiting events.
pub const OPERATOR_AHEAD: Duration = Duration::from_hours(365 * 24);
/// How often the daemon looks whether another process asked it for something.
pub const REQUEST_POLL: Duration = Duration::from_millis(250);

/// `database.connect_timeout_s`, `database.statement_timeout_s` and `database.lock_timeout_s`, in seconds.
pub const CONNECT_TIMEOUT_S_DEFAULT: u64 = 10;
/// See [`CONNECT_TIMEOUT_S_DEFAULT`].
pub const STATEMENT_TIMEOUT_S_DEFAULT: u64 = 30;
/// See [`CONNECT_TIMEOUT_S_DEFAULT`].
pub const LOCK_TIMEOUT_S_DEFAULT: u64 = 5;

/// Largest configuration file.
pub const CONFIG_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Longest `format` of a mapping.
pub const FORMAT_BYTES_MAX: usize = 128;
/// Daily log files that are kept, `logging.keep_days`.
pub const LOG_DAYS_DEFAULT: u64 = 14;
/// Largest log file, but for errors: an ordinary day of a busy hospital has less than one MiB. Further lines of the day go to
/// stderr alone.
pub const LOG_FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What a log file that is full still takes of errors.
pub const LOG_ERROR_BYTES_MAX: u64 = 1024 * 1024;
/// Log lines that wait for the disk before further ones are dropped.
pub const LOG_LINES_MAX: usize = 16 * 1024;
