//! What an operator does to the queue file as a whole while no daemon runs: another key for what is sealed, and writing
//! it anew. Ended at any instant, it leaves a file that opens with the old key or with the new one.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use crate::{
    config::QueueKey,
    queue::{
        Health, HealthCell, QueueError, QueueOptions, keys,
        open::{self, DaemonLock},
        sealing::Sealing,
        shrink::sizes,
        store::Store,
    },
};

/// What a change of the key has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rekeyed {
    /// Events that were sealed anew.
    pub events: u64,
    /// The key file that holds the new key; none where the configuration has the key elsewhere.
    pub key: Option<PathBuf>,
    /// Where the old key is kept, for backups that were made with it; none where the configuration has the key elsewhere.
    pub old_key: Option<PathBuf>,
}

/// What writing the file anew has done, in bytes with its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Its size before.
    pub before: u64,
    /// Its size now.
    pub after: u64,
}

/// Seals all events with a new data key, and that with a new master key: the text in `new_key`, else one that is made.
/// Tells how many events are done, and how many there are. The daemon must not run.
pub fn rekey(
    options: QueueOptions,
    new_key: Option<&Path>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Rekeyed, QueueError> {
    if !options.encrypt {
        return Err(QueueError::NotEncrypted);
    }
    let key = options.key.clone();
    let text = new_key.map(given_text).transpose()?;
    if text.is_none() && matches!(key, QueueKey::Given(_)) {
        return Err(QueueError::KeyElsewhere);
    }
    let (mut store, lock) = alone(options)?;
    let master = Sealing::master(&store.conn, &store.path, &key)?;
    let (path, total) = (store.path.clone(), store.count()?);
    Arc::make_mut(&mut store.sealing).switch(&store.conn, &path, Some(&master))?;
    store.upkeep.converting = true;
    let mut events = 0;
    progress(0, total);
    loop {
        let step = store.convert()?;
        events += step.changed;
        progress(events, total);
        if !step.more {
            break;
        }
    }
    let text = text.as_ref().map(|text| text.as_str());
    let (file, old_key) = match &key {
        QueueKey::File(file) => {
            // First beside the old one, so that one of the two opens the file at every instant.
            let text = keys::stage(file, text)?;
            store.reseal(&keys::master(&text, &key)?)?;
            let old_key = keys::put(file)?;
            (Some(file.clone()), old_key)
        }
        QueueKey::Given(_) => {
            store.reseal(&keys::master(text.unwrap_or_default(), &key)?)?;
            (None, None)
        }
    };
    finish(store, lock)?;
    Ok(Rekeyed { events, key: file, old_key })
}

/// Writes the whole file anew, without what is free in it. The daemon must not run.
pub fn compact(options: QueueOptions) -> Result<Compacted, QueueError> {
    let path = options.path.clone();
    let before = sizes(&path);
    let (mut store, lock) = alone(options)?;
    store.compact()?;
    finish(store, lock)?;
    Ok(Compacted { before, after: sizes(&path) })
}

fn alone(options: QueueOptions) -> Result<(Store, DaemonLock), QueueError> {
    if !options.path.exists() {
        return Err(QueueError::NoFile { path: options.path });
    }
    let health = Arc::new(HealthCell(Mutex::new(Health { unfinished: 0, refusing: None })));
    let (store, lock, _) = open::open(options, &health)?;
    Ok((store, lock))
}

fn finish(mut store: Store, lock: DaemonLock) -> Result<(), QueueError> {
    while store.shrink()?.more {}
    if !store.cut_log() {
        tracing::warn!(
            "another process reads the queue file: what was erased is in its log until that is emptied"
        );
    }
    // In this order, so that no other process has the file before this one is done with it.
    drop(store);
    drop(lock);
    Ok(())
}

/// The text of the file that holds the new key.
fn given_text(file: &Path) -> Result<keys::KeyText, QueueError> {
    let missing = || QueueError::io("read the new key", file, io::Error::other("there is no such file"));
    let text = keys::read(file)?.ok_or_else(missing)?;
    // Before anything is changed.
    keys::master(&text, &QueueKey::File(file.to_owned()))?;
    Ok(text)
}
