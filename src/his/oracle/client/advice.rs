//! What to do where Oracle's client library cannot be loaded: in words for people who install programs, not write them.
//! Looks at a folder's files and at the first bytes of a library; loads nothing.

use std::{fs::File, io::Read, path::Path};

/// What lies in the folder where the library is looked for.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// The folder, where one is certain.
    dir: Option<String>,
    exists: bool,
    /// Files that are called like the library: `libclntsh.so.23.1`, `oci.dll`.
    libraries: Vec<String>,
    /// What the library was made for.
    made_for: Option<Machine>,
}

/// What a library was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Machine {
    Bits32,
    X64,
    Arm64,
    Other,
}

impl Machine {
    fn own() -> Self {
        match std::env::consts::ARCH {
            "x86_64" => Self::X64,
            "aarch64" => Self::Arm64,
            _ => Self::Other,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Bits32 => "32-bit programs",
            Self::X64 => "x86-64 (64-bit) programs",
            Self::Arm64 => "ARM64 programs",
            Self::Other => "another sort of computer",
        }
    }
}

impl Folder {
    /// Looks into it.
    pub(super) fn look(dir: Option<&Path>) -> Self {
        let Some(dir) = dir else { return Self::default() };
        let mut folder = Self { dir: Some(dir.display().to_string()), ..Self::default() };
        let Ok(entries) = dir.read_dir() else { return folder };
        folder.exists = true;
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        folder.libraries = names
            .filter(|name| name.starts_with("libclntsh.so") || name.eq_ignore_ascii_case("oci.dll"))
            .collect();
        folder.libraries.sort();
        folder.made_for = folder.libraries.iter().find_map(|name| made_for(&head(&dir.join(name))?));
        folder
    }

    fn has(&self, name: &str) -> bool {
        self.libraries.iter().any(|file| file.eq_ignore_ascii_case(name))
    }
}

/// The first bytes of a file.
fn head(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(4096).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// From the head of an ELF or a PE file: <https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>,
/// <https://learn.microsoft.com/en-us/windows/win32/debug/pe-format>.
fn made_for(head: &[u8]) -> Option<Machine> {
    let short = |at: usize| Some(u16::from_le_bytes([*head.get(at)?, *head.get(at + 1)?]));
    if head.starts_with(b"\x7fELF") {
        return match (head.get(4)?, short(18)?) {
            (1, _) => Some(Machine::Bits32),
            (2, 62) => Some(Machine::X64),
            (2, 183) => Some(Machine::Arm64),
            _ => Some(Machine::Other),
        };
    }
    if head.starts_with(b"MZ") {
        let pe = usize::from(short(0x3c)?);
        if head.get(pe..pe + 4)? != b"PE\0\0" {
            return None;
        }
        return match short(pe + 4)? {
            0x014c => Some(Machine::Bits32),
            0x8664 => Some(Machine::X64),
            0xaa64 => Some(Machine::Arm64),
            _ => Some(Machine::Other),
        };
    }
    None
}

/// What to do. `number` and `words` are of ODPI-C.
pub(super) fn advice(number: Option<i32>, words: &str, folder: &Folder, windows: bool) -> String {
    let cause = match number {
        Some(1047) => reason(words),
        _ => words.lines().next().unwrap_or_default(),
    };
    let what = match number {
        Some(1050 | 1072 | 1079) => format!(
            "Oracle's client library on this computer is too old; this program needs version 11.2 or newer. {}",
            package(windows)
        ),
        Some(1049) => format!(
            "Oracle's client library on this computer lacks what this program needs: it is too old or incomplete. {}",
            package(windows)
        ),
        Some(1047) => missing(cause, folder, windows),
        _ => format!("Oracle's client library cannot be used. {}", package(windows)),
    };
    format!("{what} ({cause})")
}

fn missing(cause: &str, folder: &Folder, windows: bool) -> String {
    let lower = cause.to_lowercase();
    let wrong_machine = ["wrong elf class", "not the correct architecture", "not a valid win32 application"]
        .iter()
        .any(|words| lower.contains(words));
    if let Some(machine) = folder.made_for.filter(|machine| *machine != Machine::own())
        && Machine::own() != Machine::Other
    {
        return wrong(machine.words(), windows);
    }
    if wrong_machine {
        return wrong("another sort of programs, 32-bit ones as a rule", windows);
    }
    let place = folder.dir.as_deref().unwrap_or_default();
    if folder.dir.is_some() && !folder.exists {
        return format!(
            "database.client_dir, {place}, is no folder that this program can read: correct the path, or unpack Oracle's \
             client there. {}",
            package(windows)
        );
    }
    if windows {
        return if folder.has("oci.dll") {
            "Oracle's client library, oci.dll, is there but does not start: install Microsoft's \"Visual C++ \
             Redistributable\" (x64), which it needs (2017 for client 19, 2015-2022 suits all), and leave all other files \
             of the package beside oci.dll"
                .to_owned()
        } else {
            absent(place, windows)
        };
    }
    if let Some(other) = needed(cause).filter(|file| !file.contains("libclntsh.so")) {
        return dependency(other, place);
    }
    match folder.libraries.iter().rev().find(|file| file.starts_with("libclntsh.so.")) {
        Some(file) if !folder.has("libclntsh.so") => format!(
            "the folder {place} has {file}, but not the plain name libclntsh.so: run `cd {place} && ln -s {file} \
             libclntsh.so`"
        ),
        _ if folder.has("libclntsh.so") => format!(
            "Oracle's client library in {place} cannot be loaded: unpack the package there anew, with all of its files, and \
             make sure that this program's user may read them"
        ),
        _ => absent(place, windows),
    }
}

fn absent(place: &str, windows: bool) -> String {
    let place = if place.is_empty() { "on this computer".to_owned() } else { format!("in {place}") };
    let put = if windows {
        "unpack it into a folder and name that folder in the section \"database\", \"client_dir\": \
         \"C:\\\\oracle\\\\instantclient_19_25\" (or unpack it beside this program, or add the folder to PATH); it also \
         needs Microsoft's \"Visual C++ Redistributable\" (x64)"
    } else {
        "unpack it into a folder and name that folder in the section \"database\", \"client_dir\": \
         \"/opt/oracle/instantclient_19_25\" (or add the folder to LD_LIBRARY_PATH or to /etc/ld.so.conf.d, then run \
         ldconfig); it also needs libaio (Debian: apt-get install libaio1; Red Hat: dnf install libaio)"
    };
    format!(
        "there is no client library of Oracle {place}, and without it no Oracle database can be reached. {}; {put}",
        package(windows)
    )
}

fn wrong(machine: &str, windows: bool) -> String {
    format!("the client library of Oracle that was found is made for {machine}. {}", package(windows))
}

/// Another library, which Oracle's own needs.
fn dependency(file: &str, place: &str) -> String {
    if file.starts_with("libaio") {
        return format!(
            "Oracle's client library needs {file}: install it (Debian: apt-get install libaio1, from Debian 13 and Ubuntu \
             24.04 on libaio1t64, and there also `ln -s libaio.so.1t64 /usr/lib/x86_64-linux-gnu/libaio.so.1`; Red Hat: dnf \
             install libaio)"
        );
    }
    if file.starts_with("libnsl") {
        return format!(
            "Oracle's client library needs {file}: install it (Debian: apt-get install libnsl2; Red Hat: dnf install libnsl)"
        );
    }
    let place = if place.is_empty() { "the client's folder" } else { place };
    format!(
        "Oracle's client library needs {file}, which the system does not find: on Linux it looks beside the library only \
         where it is told to. Write the line {place} into /etc/ld.so.conf.d/oracle-instantclient.conf and run ldconfig, or \
         set LD_LIBRARY_PATH={place} for this program, and restart it"
    )
}

/// Which package to take.
fn package(windows: bool) -> String {
    let system = match (windows, Machine::own()) {
        (true, _) => "Windows x64 (64-bit)",
        (false, Machine::Arm64) => "Linux ARM64",
        (false, _) => "Linux x86-64 (64-bit)",
    };
    format!(
        "Take the package \"Instant Client Basic\" or \"Basic Light\" for {system} from oracle.com, version 19: it reaches \
         Oracle 11.2 and newer, while version 21 reaches 12.1 and newer alone, and version 23 19 and newer"
    )
}

/// What the system said, out of `DPI-1047: Cannot locate a 64-bit Oracle Client library: "...". See https://... for help`.
fn reason(words: &str) -> &str {
    words
        .split_once("library: \"")
        .and_then(|(_, rest)| rest.rsplit_once("\". See "))
        .map_or(words, |(reason, _)| reason)
}

/// The file that the loader did not find: `libaio.so.1: cannot open shared object file: No such file or directory`.
fn needed(cause: &str) -> Option<&str> {
    let (file, _) = cause.split_once(": cannot open shared object file")?;
    file.rsplit('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(libraries: &[&str]) -> Folder {
        Folder {
            dir: Some("/opt/ic".into()),
            exists: true,
            libraries: libraries.iter().map(|name| (*name).to_owned()).collect(),
            made_for: None,
        }
    }

    fn dpi(reason: &str) -> String {
        format!(
            "DPI-1047: Cannot locate a 64-bit Oracle Client library: \"{reason}\". See https://x for help"
        )
    }

    const ABSENT: &str = "/opt/ic/libclntsh.so: cannot open shared object file: No such file or directory";

    #[test]
    fn what_to_do_on_linux() {
        fn check(reason: &str, folder: &Folder, words: &[&str]) {
            let told = advice(Some(1047), &dpi(reason), folder, false);
            assert!(words.iter().all(|part| told.contains(part)), "{told}");
            assert!(told.ends_with(&format!("({reason})")), "{told}");
        }
        check(
            ABSENT,
            &folder(&[]),
            &["no client library of Oracle in /opt/ic", "version 19", "client_dir", "libaio1"],
        );
        check(ABSENT, &Folder::default(), &["on this computer", "LD_LIBRARY_PATH", "64-bit"]);
        check(
            ABSENT,
            &folder(&["libclntsh.so.19.1", "libclntsh.so.23.1"]),
            &["ln -s libclntsh.so.23.1 libclntsh.so"],
        );
        check(
            "libaio.so.1: cannot open shared object file: No such file",
            &folder(&["libclntsh.so"]),
            &["libaio1t64", "dnf install libaio"],
        );
        check(
            "libnnz19.so: cannot open shared object file: No such file",
            &folder(&["libclntsh.so"]),
            &["/etc/ld.so.conf.d/oracle-instantclient.conf", "LD_LIBRARY_PATH=/opt/ic"],
        );
        check(
            "libnsl.so.1: cannot open shared object file: No such file",
            &folder(&["libclntsh.so"]),
            &["libnsl"],
        );
        check(
            "/opt/ic/libclntsh.so: wrong ELF class: ELFCLASS32",
            &folder(&["libclntsh.so"]),
            &["32-bit", "x86-64"],
        );
        check(
            "/opt/ic/libclntsh.so: file too short",
            &folder(&["libclntsh.so"]),
            &["unpack the package there anew"],
        );
        check(
            ABSENT,
            &Folder { exists: false, ..folder(&[]) },
            &["database.client_dir, /opt/ic, is no folder"],
        );
        let foreign = Folder { made_for: Some(Machine::Bits32), ..folder(&["libclntsh.so"]) };
        check("whatever", &foreign, &["made for 32-bit programs"]);
    }

    #[test]
    fn what_to_do_on_windows() {
        fn check(reason: &str, folder: &Folder, words: &[&str]) {
            let told = advice(Some(1047), &dpi(reason), folder, true);
            assert!(words.iter().all(|part| told.contains(part)), "{told}");
        }
        let not_found = "The specified module could not be found";
        check(
            not_found,
            &folder(&[]),
            &["no client library", "beside this program", "PATH", "Windows x64", "Visual C++"],
        );
        check(not_found, &folder(&["oci.dll"]), &["Visual C++ Redistributable", "beside oci.dll"]);
        check(
            "C:\\ic\\oci.dll is not the correct architecture",
            &folder(&["oci.dll"]),
            &["32-bit", "Windows x64"],
        );
        check("%1 is not a valid Win32 application", &folder(&["oci.dll"]), &["32-bit"]);
    }

    #[test]
    fn a_client_that_is_too_old() {
        let words = "DPI-1050: Oracle Client library is at version 10.2 but version 11.2 or higher is needed";
        let told = advice(Some(1050), words, &Folder::default(), false);
        assert!(told.contains("too old") && told.contains("version 19") && told.contains("10.2"), "{told}");
        assert!(advice(Some(1072), "DPI-1072: x", &Folder::default(), true).contains("too old"));
        assert!(advice(Some(1049), "DPI-1049: x", &Folder::default(), true).contains("incomplete"));
        assert!(advice(None, "x", &Folder::default(), true).contains("cannot be used"));
    }

    #[test]
    fn what_a_library_is_made_for() {
        let elf = |class: u8, machine: u8| {
            let mut head = b"\x7fELF".to_vec();
            head.extend([class, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, machine, 0]);
            head
        };
        assert_eq!(made_for(&elf(1, 3)), Some(Machine::Bits32));
        assert_eq!(made_for(&elf(2, 62)), Some(Machine::X64));
        assert_eq!(made_for(&elf(2, 183)), Some(Machine::Arm64));
        let mut pe = vec![0; 0x86];
        pe[..2].copy_from_slice(b"MZ");
        pe[0x3c] = 0x80;
        pe[0x80..].copy_from_slice(b"PE\0\0\x4c\x01");
        assert_eq!(made_for(&pe), Some(Machine::Bits32));
        pe[0x84..].copy_from_slice(&[0x64, 0x86]);
        assert_eq!(made_for(&pe), Some(Machine::X64));
        assert_eq!(made_for(b"MZ"), None);
        assert_eq!(made_for(b"#!/bin/sh"), None);
    }
}
