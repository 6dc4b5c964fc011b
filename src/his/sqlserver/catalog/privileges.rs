//! What the login may do with a table. Where the server does not say, nothing is claimed.

use tiberius::ColumnData;

use super::answer;
use crate::{
    his::{
        HisError,
        sqlserver::{SqlServer, question},
    },
    model::table::{ColumnName, Grant, Privileges},
    sql::ident::TSQL,
};

/// The privileges on a table, and whether its triggers may be hidden from the login.
pub(super) async fn read(
    session: &mut SqlServer,
    id: i32,
    schema: &str,
    name: &str,
) -> Result<(Privileges, bool), HisError> {
    let object = TSQL.quoted(&[schema, name]);
    let may = |privilege: &str| format!("HAS_PERMS_BY_NAME(@P1, 'OBJECT', '{privilege}')");
    let all = ["SELECT", "INSERT", "UPDATE", "DELETE", "VIEW DEFINITION"].map(may).join(", ");
    let rows = session.ask_gently(&format!("SELECT {all}"), &[question::text(&object)]).await?;
    let Some(mut row) = rows.into_iter().next().map(answer) else {
        return Ok((Privileges::default(), true));
    };
    let mut grant = || match row.cell().as_deref() {
        Some("0") => Grant::No,
        Some(_) => Grant::Whole,
        None => Grant::Unknown,
    };
    let mut privileges = Privileges { select: grant(), insert: grant(), update: grant(), delete: grant() };
    let hidden = grant() != Grant::Whole;
    // INSERT and DELETE are never granted by columns.
    for (grant, privilege) in [(&mut privileges.select, "SELECT"), (&mut privileges.update, "UPDATE")] {
        if *grant == Grant::No {
            let columns = columns(session, id, &object, privilege).await?;
            if !columns.is_empty() {
                *grant = Grant::Columns(columns);
            }
        }
    }
    Ok((privileges, hidden))
}

/// The columns that a privilege is granted for.
async fn columns(
    session: &mut SqlServer,
    id: i32,
    object: &str,
    privilege: &str,
) -> Result<Vec<ColumnName>, HisError> {
    let sql = format!(
        "SELECT c.name FROM sys.columns c WHERE c.object_id = @P2 \
         AND HAS_PERMS_BY_NAME(@P1, 'OBJECT', '{privilege}', c.name, 'COLUMN') = 1"
    );
    let rows = session.ask_gently(&sql, &[question::text(object), ColumnData::I32(Some(id))]).await?;
    Ok(rows.into_iter().flatten().flatten().map(ColumnName).collect())
}
