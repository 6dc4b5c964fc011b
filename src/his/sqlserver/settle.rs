//! The session's settings, and what the server says of itself. What it does not say is gone on without.

use std::time::Duration;

use super::{PRODUCT, SqlServer};
use crate::{
    config::{SqlServer as Place, SqlServerLogin},
    his::HisError,
};

/// Settings that every session has, whatever the login's defaults are. An error ends its transaction (`XACT_ABORT`), so that
/// nothing is kept by half; the seven from `ANSI_NULLS` on are what tables with indexed views and computed columns demand
/// (1934). `DATEFORMAT`, because a configuration's own SQL may get `2026-03-05 09:00:00`, in which a login with another
/// language would read the third of May. The language itself stays: the HIS's triggers may go by it.
const SETTINGS: [&str; 14] = [
    "SET XACT_ABORT ON",
    "SET NOCOUNT ON",
    "SET DEADLOCK_PRIORITY LOW",
    "SET ANSI_NULLS ON",
    "SET ANSI_WARNINGS ON",
    "SET ANSI_PADDING ON",
    "SET QUOTED_IDENTIFIER ON",
    "SET CONCAT_NULL_YIELDS_NULL ON",
    "SET ARITHABORT ON",
    "SET NUMERIC_ROUNDABORT OFF",
    "SET DATEFORMAT ymd",
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET TEXTSIZE 2147483647",
    "SET IMPLICIT_TRANSACTIONS OFF",
];

/// What the server says of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// `ProductVersion`, `15.0.4322.2`.
    pub(super) product_version: Option<String>,
    /// `Edition`, `Express Edition (64-bit)`.
    pub(super) edition: Option<String>,
    /// The session's database, in the server's spelling.
    pub(super) database: String,
    /// The login's schema.
    pub(super) schema: String,
    /// The user in the database.
    pub(super) user: String,
    /// The database's collation.
    pub(super) collation: String,
    /// The code page of the database's collation.
    pub(super) code_page: Option<u32>,
}

impl Facts {
    /// Before anything is known.
    pub(super) fn new(place: &Place) -> Self {
        let user = match &place.login {
            SqlServerLogin::Sql { user, .. } => user.clone(),
            SqlServerLogin::Windows => String::new(),
        };
        Self { database: place.database.clone(), schema: "dbo".to_owned(), user, ..Self::default() }
    }

    /// Major and minor version: `(10, 50)` is 2008 R2.
    pub(super) fn version(&self) -> Option<(u32, u32)> {
        let mut parts = self.product_version.as_deref()?.split('.').map(str::parse);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    }

    /// Product and version in words: `SQL Server 2019 Express (15.0.4322.2)`.
    pub(super) fn product(&self) -> String {
        let Some(number) = &self.product_version else { return PRODUCT.to_owned() };
        let year = self.version().map_or("", year);
        let edition = self.edition.as_deref().unwrap_or_default();
        let edition = edition.split(" Edition").next().unwrap_or_default().trim();
        let mut words = PRODUCT.to_owned();
        // Azure counts its versions by itself.
        let own = edition.contains("Azure");
        for part in [if own { "" } else { year }, edition] {
            if !part.is_empty() {
                words.push(' ');
                words.push_str(part);
            }
        }
        format!("{words} ({number})")
    }

    /// Whether names of columns are compared without regard to case.
    pub(super) fn ignores_case(&self) -> bool {
        !self.collation.contains("_CS") && !self.collation.contains("_BIN")
    }
}

/// The year that a version is sold by.
fn year((major, minor): (u32, u32)) -> &'static str {
    match (major, minor) {
        (8, _) => "2000",
        (9, _) => "2005",
        (10, 0..=49) => "2008",
        (10, _) => "2008 R2",
        (11, _) => "2012",
        (12, _) => "2014",
        (13, _) => "2016",
        (14, _) => "2017",
        (15, _) => "2019",
        (16, _) => "2022",
        (17, _) => "2025",
        _ => "",
    }
}

/// Prepares a session.
pub(super) async fn settle(session: &mut SqlServer, lock_time: Duration) -> Result<(), HisError> {
    if !said(session, &SETTINGS.join("; ")).await? {
        for setting in SETTINGS {
            if !said(session, setting).await? {
                tracing::warn!(setting, "the HIS database refuses a setting of the session");
            }
        }
    }
    set_lock_time(session, lock_time).await?;
    session.facts.product_version =
        tell(session, "CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128))").await?;
    session.facts.edition = tell(session, "CAST(SERVERPROPERTY('Edition') AS nvarchar(128))").await?;
    if let Some(name) = tell(session, "DB_NAME()").await? {
        session.facts.database = name;
    }
    if let Some(name) = tell(session, "SCHEMA_NAME()").await? {
        session.facts.schema = name;
    }
    if let Some(name) = tell(session, "USER_NAME()").await? {
        session.facts.user = name;
    }
    let collation = "CAST(DATABASEPROPERTYEX(DB_NAME(), 'Collation') AS nvarchar(128))";
    session.facts.collation = tell(session, collation).await?.unwrap_or_default();
    let page = format!("CAST(COLLATIONPROPERTY({collation}, 'CodePage') AS int)");
    session.facts.code_page = tell(session, &page).await?.and_then(|page| page.parse().ok());
    Ok(())
}

/// What the server has for an expression; none where it has nothing or does not know it.
async fn tell(session: &mut SqlServer, expression: &str) -> Result<Option<String>, HisError> {
    let rows = session.ask_gently(&format!("SELECT {expression}"), &[]).await?;
    Ok(rows.into_iter().flatten().next().flatten().filter(|told| !told.is_empty()))
}

/// Whether the server took what has no answer.
async fn said(session: &mut SqlServer, sql: &str) -> Result<bool, HisError> {
    match session.say(sql).await {
        Err(error) if !error.is_of_connection() => Ok(false),
        answer => answer.map(|()| true),
    }
}

/// By default a lock is waited for without an end.
pub(super) async fn set_lock_time(session: &mut SqlServer, time: Duration) -> Result<(), HisError> {
    let millis = time.as_millis().clamp(1, 1_000_000_000);
    if !said(session, &format!("SET LOCK_TIMEOUT {millis}")).await? {
        tracing::warn!(
            "the HIS database takes no LOCK_TIMEOUT: a lock is waited for as long as a statement may last"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products() {
        fn check(version: &str, edition: &str, expected: &str) {
            let facts = Facts {
                product_version: Some(version.to_owned()),
                edition: Some(edition.to_owned()),
                ..Facts::default()
            };
            assert_eq!(facts.product(), expected);
        }
        check("15.0.4322.2", "Express Edition (64-bit)", "SQL Server 2019 Express (15.0.4322.2)");
        check("10.50.6000.34", "Standard Edition", "SQL Server 2008 R2 Standard (10.50.6000.34)");
        check("10.0.5500.0", "", "SQL Server 2008 (10.0.5500.0)");
        check("12.0.2000.8", "SQL Azure", "SQL Server SQL Azure (12.0.2000.8)");
        check("99.1", "", "SQL Server (99.1)");
        assert_eq!(Facts::default().product(), "SQL Server");
    }
}
