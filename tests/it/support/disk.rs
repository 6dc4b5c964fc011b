//! What a disk may hold after a power cut: the journal of tests/faulty-os replayed up to the cut. What was synced is there; of
//! what was not, each sector has any of its versions, a file any of its lengths, and a name may or may not be there. Knows
//! nothing of what the files mean.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    ops::Range,
    os::unix::fs::MetadataExt,
    path::Path,
};

use fastrand::Rng;

/// What a disk writes whole or not at all.
const SECTOR: u64 = 512;
/// Bytes of a record's head.
const HEAD: usize = 40;

/// What a process did to its files, in order.
pub(crate) struct Journal {
    bytes: Vec<u8>,
    pub(crate) records: Vec<Record>,
}

/// One change.
pub(crate) struct Record {
    /// Length of the journal with it.
    pub(crate) end: u64,
    pub(crate) op: Op,
    inode: u64,
    offset: u64,
    path: String,
    data: Range<usize>,
}

/// As tests/faulty-os/src/journal.rs has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Write,
    Truncate,
    Sync,
    SyncFailed,
    Create,
    Unlink,
    Rename,
    Link,
    MakeFolder,
    SyncFolder,
}

const OPS: [Op; 10] = [
    Op::Write,
    Op::Truncate,
    Op::Sync,
    Op::SyncFailed,
    Op::Create,
    Op::Unlink,
    Op::Rename,
    Op::Link,
    Op::MakeFolder,
    Op::SyncFolder,
];

impl Journal {
    pub(crate) fn read(bytes: Vec<u8>) -> Self {
        let mut records = Vec::new();
        let mut at = 0;
        while at + HEAD <= bytes.len() {
            let number = |i: usize| u64::from_le_bytes(bytes[at + i * 8..at + i * 8 + 8].try_into().unwrap());
            let (op, inode, offset) = (OPS[usize::try_from(number(0)).unwrap() - 1], number(1), number(2));
            let data_bytes = usize::try_from(number(3)).unwrap();
            let path_bytes = usize::try_from(number(4)).unwrap();
            let path = at + HEAD..at + HEAD + path_bytes;
            let data = path.end..path.end + data_bytes;
            at = data.end;
            let path = String::from_utf8(bytes[path].to_vec()).unwrap();
            records.push(Record { end: at as u64, op, inode, offset, path, data });
        }
        assert_eq!(at, bytes.len(), "the journal ends in the middle of a record");
        Self { bytes, records }
    }
}

/// A change of a file that was not synced.
#[derive(Clone)]
enum Change {
    /// Bytes in one sector. Doubtful: a sync has failed since, and later ones do not write it again.
    Piece {
        at: u64,
        data: Range<usize>,
        doubtful: bool,
    },
    Length(u64),
}

#[derive(Clone, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

/// A change of names that was not synced.
#[derive(Clone)]
enum Naming {
    Set(String, usize),
    Gone(String),
    Moved(String, String, usize),
}

/// A disk at one moment.
#[derive(Clone)]
pub(crate) struct Disk {
    files: Vec<File>,
    by_inode: HashMap<u64, usize>,
    /// Names as they are seen, and as they are on the disk.
    seen: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    namings: Vec<Naming>,
    folder: String,
}

/// How much of what was not synced is there.
#[derive(Clone, Copy, Debug)]
enum Kept {
    All,
    Nothing,
    /// What came first.
    First,
    /// Each sector by itself, with this chance.
    Chance(f64),
    /// What came last, and nothing else.
    Last,
}

impl Kept {
    fn any(rng: &mut Rng) -> Self {
        match rng.u8(0..8) {
            0 => Self::All,
            1 => Self::Nothing,
            2 | 3 => Self::First,
            4 => Self::Chance(0.1),
            5 => Self::Chance(0.5),
            6 => Self::Chance(0.9),
            _ => Self::Last,
        }
    }
}

impl Disk {
    /// A folder before anything was journaled.
    pub(crate) fn of_folder(folder: &Path) -> Self {
        let mut disk = Self {
            files: Vec::new(),
            by_inode: HashMap::new(),
            seen: BTreeMap::new(),
            durable: BTreeMap::new(),
            namings: Vec::new(),
            folder: format!("{}/", folder.canonicalize().unwrap().display()),
        };
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let id = disk.file(entry.metadata().unwrap().ino());
            disk.files[id].durable = fs::read(entry.path()).unwrap();
            let name = entry.file_name().into_string().unwrap();
            disk.seen.insert(name.clone(), id);
            disk.durable.insert(name, id);
        }
        disk
    }

    /// A new file behind an inode.
    fn file(&mut self, inode: u64) -> usize {
        self.files.push(File::default());
        self.by_inode.insert(inode, self.files.len() - 1);
        self.files.len() - 1
    }

    fn name(&self, path: &str) -> String {
        path.strip_prefix(&self.folder).unwrap_or(path).to_owned()
    }

    /// Goes one change further.
    pub(crate) fn apply(&mut self, journal: &Journal, record: &Record) {
        let name = self.name(&record.path);
        let file = self.by_inode.get(&record.inode).copied();
        match record.op {
            Op::Write => {
                let file = &mut self.files[file.expect("a file is created before it is written")];
                let mut at = record.offset;
                let mut data = record.data.clone();
                while !data.is_empty() {
                    let bytes = usize::try_from(SECTOR - at % SECTOR).unwrap().min(data.len());
                    let piece = data.start..data.start + bytes;
                    file.pending.push(Change::Piece { at, data: piece, doubtful: false });
                    at += bytes as u64;
                    data.start += bytes;
                }
            }
            Op::Truncate => {
                let file = file.expect("a file is created before it is cut");
                self.files[file].pending.push(Change::Length(record.offset));
            }
            Op::Sync => self.files[file.expect("a file is created before it is synced")].sync(journal),
            Op::SyncFailed => {
                for change in file.map(|f| &mut self.files[f].pending).into_iter().flatten() {
                    if let Change::Piece { doubtful, .. } = change {
                        *doubtful = true;
                    }
                }
            }
            Op::Create => {
                let id = self.file(record.inode);
                self.seen.insert(name.clone(), id);
                self.namings.push(Naming::Set(name, id));
            }
            Op::Unlink => {
                self.seen.remove(&name);
                self.namings.push(Naming::Gone(name));
            }
            Op::Rename => {
                let to = self.name(std::str::from_utf8(&journal.bytes[record.data.clone()]).unwrap());
                let id = self.seen.remove(&name).expect("what is renamed has a name");
                self.seen.insert(to.clone(), id);
                self.namings.push(Naming::Moved(name, to, id));
            }
            Op::Link => {
                let to = self.name(std::str::from_utf8(&journal.bytes[record.data.clone()]).unwrap());
                let id = self.seen[&name];
                self.seen.insert(to.clone(), id);
                self.namings.push(Naming::Set(to, id));
            }
            Op::MakeFolder => {}
            Op::SyncFolder => {
                for naming in std::mem::take(&mut self.namings) {
                    naming.apply(&mut self.durable);
                }
            }
        }
    }

    /// Writes what may be there after a cut into a folder; gives how that was chosen.
    pub(crate) fn image(&self, journal: &Journal, rng: &mut Rng, folder: &Path) -> String {
        let all = rng.bool().then(|| Kept::any(rng));
        let mut names = self.durable.clone();
        let kept = all.unwrap_or_else(|| Kept::any(rng));
        let mut words = format!("names {kept:?}");
        let first = rng.usize(0..=self.namings.len());
        for (index, naming) in self.namings.iter().enumerate() {
            let keep = match kept {
                Kept::All => true,
                Kept::Nothing => false,
                Kept::First => index < first,
                Kept::Chance(chance) => rng.f64() < chance,
                Kept::Last => index + 1 == self.namings.len(),
            };
            if keep {
                naming.apply(&mut names);
            }
        }
        for (name, id) in names {
            let kept = all.unwrap_or_else(|| Kept::any(rng));
            words.push_str(&[", ", &name, " ", &format!("{kept:?}")].concat());
            fs::write(folder.join(&name), self.files[id].image(journal, rng, kept)).unwrap();
        }
        words
    }
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Set(name, id) => {
                names.insert(name.clone(), *id);
            }
            Self::Gone(name) => {
                names.remove(name);
            }
            Self::Moved(from, to, id) => {
                names.remove(from);
                names.insert(to.clone(), *id);
            }
        }
    }
}

impl File {
    /// All is durable but what an earlier sync has failed on and nobody has written again.
    fn sync(&mut self, journal: &Journal) {
        let pending = std::mem::take(&mut self.pending);
        let mut sure = HashSet::new();
        let mut cut = u64::MAX;
        let mut kept = Vec::new();
        // From the last to the first, to know of each what came after it.
        for change in pending.into_iter().rev() {
            match &change {
                Change::Piece { at, doubtful: true, .. } if !sure.contains(&(at / SECTOR)) => {
                    if *at < cut {
                        self.pending.push(change);
                    }
                    continue;
                }
                Change::Piece { at, .. } => {
                    sure.insert(at / SECTOR);
                }
                Change::Length(length) => cut = cut.min(*length),
            }
            kept.push(change);
        }
        self.pending.reverse();
        for change in kept.iter().rev() {
            change.apply(journal, &mut self.durable, None);
        }
    }

    fn image(&self, journal: &Journal, rng: &mut Rng, kept: Kept) -> Vec<u8> {
        let mut content = self.durable.clone();
        if self.pending.is_empty() {
            return content;
        }
        let mut versions: HashMap<u64, u32> = HashMap::new();
        let mut lengths = 0_u32;
        for change in &self.pending {
            match change {
                Change::Piece { at, .. } => *versions.entry(at / SECTOR).or_default() += 1,
                Change::Length(_) => lengths += 1,
            }
        }
        let mut chosen: Vec<_> = versions.into_iter().collect();
        chosen.sort_unstable();
        let mut choose = |versions: u32| match kept {
            Kept::All | Kept::First | Kept::Last => versions,
            Kept::Nothing => 0,
            Kept::Chance(chance) if rng.f64() < chance => versions,
            Kept::Chance(_) => rng.u32(0..versions),
        };
        let mut left: HashMap<u64, u32> = chosen.into_iter().map(|(s, n)| (s, choose(n))).collect();
        let mut lengths_left = if lengths == 0 { 0 } else { choose(lengths) };
        let count = self.pending.len();
        let range = match kept {
            Kept::First => 0..rng.usize(0..=count),
            Kept::Last => rng.usize(0..count)..count,
            _ => 0..count,
        };
        // A sector that has a later version has the earlier ones, too.
        let later: HashSet<u64> = self.pending[range.clone()].iter().filter_map(Change::sector).collect();
        // What a longer file has where nothing was written yet.
        let garbage = rng.bool().then(|| rng.u8(..));
        for (index, change) in self.pending.iter().enumerate() {
            if !range.contains(&index)
                && !change.sector().is_some_and(|s| index < range.start && later.contains(&s))
            {
                continue;
            }
            let keep = match change {
                Change::Piece { at, .. } => left.get_mut(&(at / SECTOR)).unwrap(),
                Change::Length(_) => &mut lengths_left,
            };
            if *keep > 0 {
                *keep -= 1;
                change.apply(journal, &mut content, garbage);
            }
        }
        content
    }
}

impl Change {
    fn sector(&self) -> Option<u64> {
        match self {
            Self::Piece { at, .. } => Some(at / SECTOR),
            Self::Length(_) => None,
        }
    }

    fn apply(&self, journal: &Journal, content: &mut Vec<u8>, garbage: Option<u8>) {
        match self {
            Self::Length(length) => content.resize(usize::try_from(*length).unwrap(), 0),
            Self::Piece { at, data, .. } => {
                let at = usize::try_from(*at).unwrap();
                let end = at + data.len();
                if content.len() < end {
                    content.resize(at.max(content.len()), garbage.unwrap_or(0));
                    content.resize(end, 0);
                }
                content[at..end].copy_from_slice(&journal.bytes[data.clone()]);
            }
        }
    }
}
