//! From `queue` as written to [`Queue`]: where the file is, what it keeps and with what it is sealed. Creates nothing, and
//! leaves a key file to those who make it.

use std::{path::PathBuf, time::Duration};

use crate::{
    config::{
        Queue, QueueKey,
        file::{self, SecretFrom},
        keypath::KeyPath,
        resolve::Resolver,
        secret::{self, Source},
    },
    limits::{
        KEEP_APPLIED_DAYS_DEFAULT, KEEP_AUDIT_DAYS_DEFAULT, MASTER_KEY_CHARS_MIN, QUEUE_EVENTS_DEFAULT,
        QUEUE_FREE_MIB_DEFAULT,
    },
};

impl Resolver<'_> {
    /// Resolves `queue`; nothing where it has a problem.
    pub(super) fn queue(&mut self, written: file::Queue) -> Option<Queue> {
        let at = KeyPath::root().key("queue");
        let path = self.queue_path(&at.key("path"), written.path);
        let given = written.key.map(|from| self.queue_key(&at.key("key"), from));
        let path = path?;
        let key = match given {
            Some(given) => given?,
            None => QueueKey::File(path.with_extension("key")),
        };
        if let QueueKey::File(file) = &key
            && *file == path
        {
            let at = if written.encrypt.is_some() { at.key("key") } else { at.key("path") };
            self.wrong(
                &at,
                "the queue file and the file of its key are one; the key needs a file of its own",
            );
            return None;
        }
        Some(Queue {
            key,
            path,
            encrypt: written.encrypt.unwrap_or(false),
            keep_parked: written.keep_parked_days.map(days),
            keep_audit: days(written.keep_audit_days.unwrap_or(KEEP_AUDIT_DAYS_DEFAULT.into())),
            events_max: written.max_events.unwrap_or(QUEUE_EVENTS_DEFAULT),
            free_bytes_min: written.min_free_mb.unwrap_or(QUEUE_FREE_MIB_DEFAULT).saturating_mul(1024 * 1024),
            keep_applied: days(written.keep_applied_days.unwrap_or(KEEP_APPLIED_DAYS_DEFAULT)),
            replace_damaged: matches!(written.on_damage, Some(file::OnDamage::StartFresh)),
        })
    }

    fn queue_path(&mut self, at: &KeyPath, written: Option<String>) -> Option<PathBuf> {
        match written {
            Some(path) if path.ends_with(['/', '\\']) => {
                self.wrong(at, "names a folder; add the file's name, e.g. buktor-queue.db");
                None
            }
            Some(path) => self.path(at, &path),
            None => {
                let folder = self.systemd_folder("STATE_DIRECTORY").unwrap_or_else(|| self.folder.to_owned());
                Some(folder.join("buktor-queue.db"))
            }
        }
    }

    /// Where the key is. One that cannot be made is read now, so that a missing one is told with the other mistakes.
    fn queue_key(&mut self, at: &KeyPath, from: SecretFrom) -> Option<QueueKey> {
        match secret::source(from) {
            Ok(Source::File(path)) if secret::is_in_place_of_path(&path) => {
                let message = "looks like the key itself; write the path of a file that holds it, or that is to be made";
                self.wrong(&at.key("file"), message);
                None
            }
            Ok(Source::File(path)) => self.path(&at.key("file"), &path).map(QueueKey::File),
            Ok(source) => {
                let key = self.secret_from(at, source)?;
                if key.expose().chars().count() < MASTER_KEY_CHARS_MIN {
                    self.wrong(
                        at,
                        format!(
                            "the key has fewer than {MASTER_KEY_CHARS_MIN} characters, so that it can be guessed; \
                             `buktor-middleware secret new` makes one"
                        ),
                    );
                    return None;
                }
                Some(QueueKey::Given(key))
            }
            Err(message) => {
                self.missing(at, message);
                None
            }
        }
    }
}

fn days(days: u64) -> Duration {
    const DAY: Duration = Duration::from_hours(24);
    DAY.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::config::{
        QueueKey,
        tests::{check, good, parse_with, with},
    };

    #[test]
    fn mistakes_in_the_queue() {
        let queue = |inner: &str, at: &str, part: &str| {
            check(&with(&format!("\"queue\": {{{inner}}}")), &[(at, part)]);
        };
        queue(r#""path": """#, "queue.path", "not an empty text");
        queue(r#""path": "C:\new\table.db""#, "queue.path", "holds a control character; in JSON");
        queue(r#""path": "%ProgramData%/q.db""#, "queue.path", "are not replaced");
        queue(r#""path": "data/""#, "queue.path", "names a folder");
        queue(r#""keep_parked_days": 0"#, "queue.keep_parked_days", "from 1 to 3650");
        queue(r#""keep_audit_days": 4000"#, "queue.keep_audit_days", "from 1 to 3650");
        queue(r#""encrypt": "yes""#, "queue.encrypt", "must be true or false");
        queue(
            r#""key": "hunter2hunter2hunter2hunter2hunter2""#,
            "queue.key",
            "must be an object in { }, e.g. {\"file\"",
        );
        queue(r#""key": {}"#, "queue.key", "exactly one of `env`, `file`");
        queue(r#""key": {"env": "A", "file": "b"}"#, "queue.key", "exactly one of `env`, `file`");
        queue(r#""key": {"env": "NOT_SET"}"#, "queue.key", "NOT_SET is not set");
        queue(
            r#""key": {"file": "9f86d081884c7d659a2feaa0c55ad015"}"#,
            "queue.key.file",
            "looks like the key itself",
        );
        queue(r#""key": {"file": ""}"#, "queue.key.file", "must be a path");
        queue(
            r#""path": "q.db", "encrypt": true, "key": {"file": "q.db"}"#,
            "queue.key",
            "a file of its own",
        );
        queue(r#""path": "q.key""#, "queue.path", "a file of its own");
        let short = with(r#""queue": {"encrypt": true, "key": {"env": "KEY"}}"#);
        let error = parse_with(short.as_bytes(), &[("KEY", "hunter2hunter2")]).unwrap_err().to_string();
        assert!(error.contains("queue.key: the key has fewer than 32 characters"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn the_queue_is_as_it_is_written() {
        let plain = good(&with(r#""queue": {"path": "data/q.db"}"#)).queue;
        assert!(!plain.encrypt && plain.keep_parked.is_none());
        assert_eq!(plain.keep_audit, Duration::from_hours(365 * 24));
        assert!(matches!(&plain.key, QueueKey::File(path) if path.ends_with("data/q.key")), "{plain:?}");
        let set = good(&with(
            r#""queue": {"encrypt": true, "key": {"file": "keys/q"}, "keep_parked_days": 90, "keep_audit_days": 30}"#,
        ));
        assert!(set.queue.encrypt);
        assert_eq!(set.queue.keep_parked, Some(Duration::from_hours(90 * 24)));
        assert_eq!(set.queue.keep_audit, Duration::from_hours(30 * 24));
        // Neither is there; the queue makes it.
        assert!(matches!(&set.queue.key, QueueKey::File(path) if path.ends_with("keys/q")), "{set:?}");
        assert!(good(&with(r#""queue": {"keep_parked_days": null}"#)).queue.keep_parked.is_none());
        let text = with(r#""queue": {"encrypt": true, "key": {"env": "KEY"}}"#);
        let given =
            parse_with(text.as_bytes(), &[("KEY", "0123456789abcdef0123456789abcdef")]).unwrap().queue;
        assert!(matches!(&given.key, QueueKey::Given(key) if key.expose().len() == 32), "{given:?}");
        assert!(!format!("{given:?}").contains("0123456789abcdef"));
    }
}
