//! The data keys of a queue file, and what is sealed with them: loaded when the file is opened, used for each row. Decides
//! which form new rows have; `convert` gives it to the old ones.

use std::{borrow::Cow, io, path::Path};

use rusqlite::{Connection, params};
use zeroize::Zeroizing;

use crate::{
    config::QueueKey,
    model::clock::{Clock, SystemClock},
    queue::{
        QueueError, keys,
        seal::{self, DigestKey, KEY_BYTES, Place, SealKey, Unreadable},
        sql::{queue_id, transaction},
    },
};

/// The keys of an open queue file.
#[derive(Clone)]
pub(super) struct Sealing {
    queue_id: String,
    /// The number of the data key for new rows; none where they stand as they come.
    current: Option<u32>,
    /// All data keys: more than one while rows are given another form.
    keys: Vec<SealKey>,
    /// Not known where the file is only looked at.
    digests: Option<DigestKey>,
}

/// What the file says of its form.
pub(super) struct Form {
    /// The data key for new rows.
    pub(super) current: Option<u32>,
    /// Rows are being given another form.
    pub(super) converting: bool,
}

impl Sealing {
    /// Loads the keys for the one connection that writes, makes those that are missing, and makes `encrypt` the form of new
    /// rows. Where something is sealed and the key does not open it, nothing is changed.
    pub(super) fn load(
        conn: &Connection,
        path: &Path,
        encrypt: bool,
        key: &QueueKey,
    ) -> Result<Self, QueueError> {
        let fault = |error| QueueError::sqlite(path, error);
        let mut sealing = Self::bare(conn).map_err(fault)?;
        let sealed = sealed_keys(conn).map_err(fault)?;
        let master = if sealed.is_empty() {
            if encrypt { Some(keys::read_or_make(key)?) } else { None }
        } else {
            let (master, staged) = keys::find(key, path, |m| sealing.open_all(m, &sealed).is_ok())?;
            if let QueueKey::File(file) = key {
                // What a change of the key has left, which was cut off.
                if staged {
                    keys::put(file)?;
                } else {
                    keys::set_staged_aside(file)?;
                }
            }
            sealing.keys = sealing.open_all(&master, &sealed).map_err(|_| wrong(key, path))?;
            Some(master)
        };
        let stored: Vec<u8> =
            conn.query_row("SELECT digest_key FROM meta", [], |row| row.get(0)).map_err(fault)?;
        let digests = sealing.digest_key(&Zeroizing::new(stored)).map_err(|_| wrong(key, path))?;
        sealing.digests = Some(digests);
        if encrypt == sealing.current.is_some() {
            return Ok(sealing);
        }
        sealing.switch(conn, path, master.as_ref().filter(|_| encrypt))?;
        if !encrypt {
            tracing::warn!(
                "queue.encrypt is off now: the events in the queue file are decrypted, and new ones are not encrypted"
            );
        }
        Ok(sealing)
    }

    /// Loads the keys for a look at the file.
    pub(super) fn look(conn: &Connection, path: &Path, key: &QueueKey) -> Result<Self, QueueError> {
        let fault = |error| QueueError::sqlite(path, error);
        let mut sealing = Self::bare(conn).map_err(fault)?;
        let sealed = sealed_keys(conn).map_err(fault)?;
        if !sealed.is_empty() {
            let (master, _) = keys::find(key, path, |m| sealing.open_all(m, &sealed).is_ok())?;
            sealing.keys = sealing.open_all(&master, &sealed).map_err(|_| wrong(key, path))?;
        }
        Ok(sealing)
    }

    /// The master key of a file in which something is sealed.
    pub(super) fn master(conn: &Connection, path: &Path, key: &QueueKey) -> Result<SealKey, QueueError> {
        let fault = |error| QueueError::sqlite(path, error);
        let (bare, sealed) = (Self::bare(conn).map_err(fault)?, sealed_keys(conn).map_err(fault)?);
        keys::find(key, path, |m| bare.open_all(m, &sealed).is_ok()).map(|(master, _)| master)
    }

    /// Makes it the form of new rows that they are sealed with a data key of their own, or, without a master key, that they
    /// stand as they come. Old rows are to be converted.
    pub(super) fn switch(
        &mut self,
        conn: &Connection,
        path: &Path,
        master: Option<&SealKey>,
    ) -> Result<(), QueueError> {
        let new = match master {
            None => None,
            Some(master) => {
                let id = self.keys.iter().map(SealKey::id).max().unwrap_or(0) + 1;
                let key = SealKey::data(id, keys::random(path)?);
                let sealed = self.sealed(master, key.bytes(), Place::DataKey(id));
                Some((key, sealed.map_err(|error| QueueError::sqlite(path, error))?))
            }
        };
        let digests = self.digests.clone();
        let done = transaction(conn, "BEGIN IMMEDIATE", |conn| {
            if let Some((key, sealed)) = &new {
                conn.execute(
                    "INSERT INTO data_key (id, sealed, made_at) VALUES (?1, ?2, ?3)",
                    params![key.id(), sealed, SystemClock.now().0],
                )?;
            }
            if let Some(digests) = &digests {
                let stored = match &new {
                    Some((key, _)) => Cow::Owned(self.sealed(key, digests.bytes(), Place::DigestKey)?),
                    None => Cow::Borrowed(digests.bytes().as_slice()),
                };
                conn.execute("UPDATE meta SET digest_key = ?1", [&stored[..]])?;
            }
            conn.execute("UPDATE meta SET data_key = ?1, converted = 0", [new.as_ref().map(|(k, _)| k.id())])
        });
        done.map_err(|error| QueueError::sqlite(path, error))?;
        self.current = new.as_ref().map(|(key, _)| key.id());
        self.keys.extend(new.map(|(key, _)| key));
        Ok(())
    }

    /// Seals all data keys with another master key.
    pub(super) fn reseal_keys(&self, conn: &Connection, master: &SealKey) -> rusqlite::Result<()> {
        for key in &self.keys {
            let sealed = self.sealed(master, key.bytes(), Place::DataKey(key.id()))?;
            conn.execute("UPDATE data_key SET sealed = ?2 WHERE id = ?1", params![key.id(), sealed])?;
        }
        Ok(())
    }

    /// The data key for new rows; none where they stand as they come.
    pub(super) fn current(&self) -> Option<u32> {
        self.current
    }

    /// Forgets the data keys that are not current, after the last row that was sealed with one of them.
    pub(super) fn forget_others(&mut self) {
        let current = self.current;
        self.keys.retain(|key| Some(key.id()) == current);
    }

    /// The digest of a body as it is kept.
    pub(super) fn digest(&self, digest: [u8; 16]) -> [u8; 16] {
        // Without its key only to look: nothing is compared then.
        self.digests.as_ref().map_or(digest, |key| key.keyed(digest))
    }

    /// A body as it is kept.
    pub(super) fn body<'a>(&self, seq: i64, body: &'a [u8]) -> rusqlite::Result<Cow<'a, [u8]>> {
        match self.current_key()? {
            None => Ok(Cow::Borrowed(body)),
            Some(key) => self.sealed(key, body, Place::Body(seq)).map(Cow::Owned),
        }
    }

    /// An error as it is kept.
    pub(super) fn error<'a>(&self, seq: i64, error: &'a str) -> rusqlite::Result<Cow<'a, str>> {
        match self.current_key()? {
            None => Ok(Cow::Borrowed(error)),
            Some(key) => self
                .sealed(key, error.as_bytes(), Place::Error(seq))
                .map(|sealed| Cow::Owned(seal::to_text(&sealed))),
        }
    }

    /// A body as it came.
    pub(super) fn open_body(&self, seq: i64, body: Vec<u8>) -> Result<Vec<u8>, Unreadable> {
        match body.first() {
            Some(&seal::SEALED) => {
                self.opened(&body, Place::Body(seq)).map(|mut plain| std::mem::take(&mut *plain))
            }
            _ => Ok(body),
        }
    }

    /// An error as it was told.
    pub(super) fn open_error(&self, seq: i64, error: String) -> Result<String, Unreadable> {
        let Some(sealed) = seal::from_text(&error) else { return Ok(error) };
        let mut plain = self.opened(&sealed, Place::Error(seq))?;
        String::from_utf8(std::mem::take(&mut *plain)).map_err(|_| Unreadable)
    }

    /// Whether a body has the form of new rows.
    pub(super) fn is_converted(&self, body: &[u8]) -> bool {
        seal::key_of(body) == self.current
    }

    /// Whether an error has the form of new rows.
    pub(super) fn is_error_converted(&self, error: &str) -> bool {
        seal::from_text(error).map(|sealed| seal::key_of(&sealed)) == self.current.map(Some)
    }

    fn bare(conn: &Connection) -> rusqlite::Result<Self> {
        let queue_id = queue_id(conn)?;
        let current = form(conn)?.current;
        Ok(Self { queue_id, current, keys: Vec::new(), digests: None })
    }

    fn open_all(&self, master: &SealKey, sealed: &[(u32, Vec<u8>)]) -> Result<Vec<SealKey>, Unreadable> {
        let open = |(id, sealed): &(u32, Vec<u8>)| {
            let plain = master.unseal(sealed, Place::DataKey(*id), &self.queue_id)?;
            key_bytes(&plain).map(|bytes| SealKey::data(*id, bytes))
        };
        sealed.iter().map(open).collect()
    }

    fn digest_key(&self, stored: &[u8]) -> Result<DigestKey, Unreadable> {
        // A key of random bytes may begin like something sealed; its length tells.
        if stored.len() == KEY_BYTES {
            return key_bytes(stored).map(DigestKey::new);
        }
        key_bytes(&self.opened(stored, Place::DigestKey)?).map(DigestKey::new)
    }

    fn current_key(&self) -> rusqlite::Result<Option<&SealKey>> {
        let Some(id) = self.current else { return Ok(None) };
        match self.keys.iter().find(|key| key.id() == id) {
            Some(key) => Ok(Some(key)),
            None => Err(failed("the data key for new events is not there")),
        }
    }

    fn opened(&self, sealed: &[u8], place: Place) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        let id = seal::key_of(sealed).ok_or(Unreadable)?;
        let key = self.keys.iter().find(|key| key.id() == id).ok_or(Unreadable)?;
        key.unseal(sealed, place, &self.queue_id)
    }

    fn sealed(&self, key: &SealKey, plain: &[u8], place: Place) -> rusqlite::Result<Vec<u8>> {
        let mut nonce = [0; 24];
        getrandom::fill(&mut nonce).map_err(|error| failed(&error.to_string()))?;
        key.seal(plain, place, &self.queue_id, &nonce).map_err(|_| failed("a text is too long to be sealed"))
    }
}

/// What the file says of its form.
pub(super) fn form(conn: &Connection) -> rusqlite::Result<Form> {
    conn.query_row("SELECT data_key, converted FROM meta", [], |row| {
        Ok(Form { current: row.get(0)?, converting: row.get::<_, Option<i64>>(1)?.is_some() })
    })
}

fn sealed_keys(conn: &Connection) -> rusqlite::Result<Vec<(u32, Vec<u8>)>> {
    conn.prepare("SELECT id, sealed FROM data_key ORDER BY id")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn key_bytes(plain: &[u8]) -> Result<Zeroizing<[u8; KEY_BYTES]>, Unreadable> {
    plain.try_into().map(Zeroizing::new).map_err(|_| Unreadable)
}

fn wrong(key: &QueueKey, path: &Path) -> QueueError {
    QueueError::KeyWrong { key: keys::place(key), path: path.to_owned() }
}

/// An error inside of a transaction.
fn failed(words: &str) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(io::Error::other(words.to_owned())))
}
