//! Windows' Data Protection API: what one machine, or one account of it, has sealed, nobody else can open. The only place that
//! names it; on other systems it says so. Keeps nothing.

use zeroize::Zeroizing;

/// Who can open what is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Every account of this machine.
    Machine,
    /// The account that seals it, on this machine.
    User,
}

/// Seals a secret; gives base64.
#[cfg(windows)]
pub(crate) fn seal(secret: &[u8], scope: Scope) -> Result<String, String> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let scope = match scope {
        Scope::Machine => windows_dpapi::Scope::Machine,
        Scope::User => windows_dpapi::Scope::User,
    };
    let sealed = windows_dpapi::encrypt_data(secret, scope, None).map_err(|e| format!("{e:#}"))?;
    Ok(STANDARD.encode(sealed))
}

/// Opens what [`seal`] gave, with either scope: which one it was stands in the sealed bytes.
#[cfg(windows)]
pub(crate) fn open(sealed: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let bytes = STANDARD.decode(sealed.trim()).map_err(|_| {
        "`dpapi` must be the text that `buktor-middleware secret protect` prints, whole; run it on this machine".to_owned()
    })?;
    let opened = windows_dpapi::decrypt_data(&bytes, windows_dpapi::Scope::User, None);
    opened.map(Zeroizing::new).map_err(|e| {
        format!(
            "`dpapi` can be opened only on the machine, and with --user only by the account, that sealed it ({e:#}); run \
             `buktor-middleware secret protect` again, here and for the account that runs the service"
        )
    })
}

/// What there is elsewhere.
#[cfg(not(windows))]
const ELSEWHERE: &str = "{\"dpapi\": ...} is for Windows alone; here write {\"credential\": \"NAME\"} (systemd) or \
                         {\"file\": \"PATH\"}";

/// Seals a secret: not on this system.
#[cfg(not(windows))]
pub(crate) fn seal(_: &[u8], _: Scope) -> Result<String, String> {
    Err(ELSEWHERE.to_owned())
}

/// Opens what was sealed: not on this system.
#[cfg(not(windows))]
pub(crate) fn open(_: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    Err(ELSEWHERE.to_owned())
}
