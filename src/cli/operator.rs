//! Who runs this command, for the audit trail: as far as the operating system tells, and never a reason to refuse.

use crate::queue::Operator;

/// The user who runs `command`.
pub(super) fn operator(command: &str) -> Operator {
    Operator { user: user(), command: command.to_owned() }
}

/// The account that the process has, and the person behind it where that is another one. `sudo` says who called it, and
/// anyone can say so; the login is the system's own word.
fn words(account: Option<&str>, login: Option<&str>, sudo: Option<&str>) -> String {
    let other = |name: &&str| account != Some(*name);
    let behind = match (login.filter(other), sudo.filter(other)) {
        (Some(login), Some(sudo)) if login != sudo => Some(format!("login {login}, sudo {sudo}")),
        (Some(login), _) => Some(format!("login {login}")),
        (None, sudo) => sudo.map(|sudo| format!("sudo {sudo}")),
    };
    let account = account.unwrap_or("unknown user");
    behind.map_or_else(|| account.to_owned(), |behind| format!("{account} ({behind})"))
}

fn said(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

#[cfg(unix)]
fn user() -> String {
    use std::{fs, os::unix::fs::MetadataExt};

    let names = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = |id: u32| name_in(&names, id).unwrap_or_else(|| format!("user number {id}"));
    // Elsewhere than on Linux the environment is all there is.
    let account = fs::metadata("/proc/self").ok().map(|process| named(process.uid()));
    let login = fs::read_to_string("/proc/self/loginuid").ok().and_then(|id| id.trim().parse().ok());
    let login = login.filter(|id| *id != u32::MAX).map(named);
    let account = account.or_else(|| said("USER")).or_else(|| said("LOGNAME"));
    words(account.as_deref(), login.as_deref(), said("SUDO_USER").as_deref())
}

/// The name of the user of that number in a text like that of `/etc/passwd`.
#[cfg(unix)]
fn name_in(passwd: &str, id: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        (parts.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    })
}

#[cfg(not(unix))]
fn user() -> String {
    let domain = said("USERDOMAIN").map(|domain| format!("{domain}\\")).unwrap_or_default();
    let account = said("USERNAME").map(|name| format!("{domain}{name}"));
    words(account.as_deref(), None, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_person_behind_the_account_is_told() {
        let check = |account: &'static str, login: &'static str, sudo: &'static str, expected: &str| {
            let name = |name: &'static str| Some(name).filter(|name| !name.is_empty());
            assert_eq!(words(name(account), name(login), name(sudo)), expected);
        };
        check("asha", "", "", "asha");
        check("asha", "asha", "asha", "asha");
        check("root", "", "asha", "root (sudo asha)");
        check("root", "asha", "asha", "root (login asha)");
        check("root", "asha", "", "root (login asha)");
        check("root", "asha", "ravi", "root (login asha, sudo ravi)");
        check("root", "root", "asha", "root (sudo asha)");
        check("", "", "", "unknown user");
    }

    #[cfg(unix)]
    #[test]
    fn numbers_have_names() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\n# a remark\nasha:x:1000:0::/home/asha:/bin/sh\n";
        assert_eq!(name_in(passwd, 1000).as_deref(), Some("asha"));
        assert_eq!(name_in(passwd, 0).as_deref(), Some("root"));
        assert_eq!(name_in(passwd, 7), None);
    }
}
