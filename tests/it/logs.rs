//! The log's files beside a running daemon: whatever is written, a day's file has its bound, and its owner alone reads it.

use std::fs::{self, File};

use buktor_middleware::limits::{LOG_ERROR_BYTES_MAX, LOG_FILE_BYTES_MAX};
use serde_json::json;

use crate::support::daemon::Site;

#[test]
fn a_flood_ends_at_the_files_bound_and_hurts_nobody() {
    let demo = tempfile::tempdir().unwrap();
    let (site, _) = Site::of_demo(demo.path());
    let today = chrono::Utc::now().date_naive();
    let path = site.path("log").join(format!("buktor-middleware.{today}.log"));
    // A day that was nearly too long already.
    fs::create_dir(site.path("log")).unwrap();
    File::create(&path).unwrap().set_len(LOG_FILE_BYTES_MAX - 20_000).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    let daemon = site.start();
    for number in 0..400 {
        daemon.accept(&json!({"event_type": "appointment", "appointment_id": number, "status": "booked"}));
    }
    let printed = daemon.stop();
    let size = fs::metadata(&path).unwrap().len();
    assert!(size > LOG_FILE_BYTES_MAX - 1000, "{size}");
    assert!(size < LOG_FILE_BYTES_MAX + LOG_ERROR_BYTES_MAX, "{size}");
    let written = fs::read(&path).unwrap();
    let text = String::from_utf8_lossy(&written[written.len() - 2000..]).into_owned();
    let words = "today's log file is full";
    assert_eq!((text.matches(words).count(), printed.matches(words).count()), (1, 1), "{text}");
    assert!(text.lines().last().unwrap().contains(words), "{text}");
    assert!(printed.matches("received an event").count() >= 400, "{printed}");
    assert!(printed.trim_end().ends_with("stopped"), "{printed}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
