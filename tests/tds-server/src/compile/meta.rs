//! Owns `@@` variables and the functions about the session, the server and the catalog; never looks anything up itself.

use crate::compile::expr::as_text;
use crate::compile::{Compiled, Compiler, Typed, quote};
use crate::sql::ast::Call;
use crate::types::{MAX, SqlType};
use SqlType as T;
use rusqlite::types::Value;

impl Compiler<'_> {
    /// An `@@` variable.
    pub(crate) fn fact(&mut self, name: &str) -> Compiled<Typed> {
        let facts = self.env.facts;
        let int = |n: i64| Typed { nullable: false, ..Typed::new(n.to_string(), T::Int) };
        let text = |t: &str, n: u32| Typed { nullable: false, ..Typed::new(quote(t), T::NVarChar(n)) };
        let numeric = |n: Option<i64>| {
            let sql = n.map_or("NULL".to_owned(), |n| format!("'{n}'"));
            Typed::new(sql, T::Decimal(38, 0))
        };
        Ok(match name.to_lowercase().as_str() {
            "rowcount" => int(facts.rowcount),
            "trancount" => int(facts.trancount),
            "error" => int(facts.error),
            "spid" => Typed { nullable: false, ..Typed::new(facts.spid.to_string(), T::SmallInt) },
            "identity" => numeric(facts.identity),
            "version" => text(&facts.banner, 300),
            "servername" => text(&facts.server, 128),
            "servicename" => text(&facts.instance, 128),
            "language" => text(&facts.language, 128),
            "lock_timeout" => int(facts.lock_timeout),
            "nestlevel" => int(facts.nest),
            "options" => int(facts.options),
            "max_precision" => Typed { nullable: false, ..Typed::new("38", T::TinyInt) },
            "datefirst" => Typed { nullable: false, ..Typed::new(facts.date_first.to_string(), T::TinyInt) },
            "textsize" => int(2_147_483_647),
            "max_connections" => int(32_767),
            "microsoftversion" => int(i64::from(facts.major) << 24),
            "dbts" => Typed::new("tf('dbts')", T::VarBinary(8)),
            "procid" | "langid" | "fetch_status" => int(0),
            other => return Err(crate::error::no_variable(&format!("@@{other}"))),
        })
    }

    /// Functions about the session, the server and the catalog: constants but where they look at a column.
    pub(crate) fn meta_function(&mut self, call: &Call) -> Compiled<Option<Typed>> {
        let args = self.all(call)?;
        let facts = self.env.facts;
        let text = |t: &str| Typed::new(quote(t), T::NVarChar(128));
        let numeric =
            |n: Option<i64>| Typed::new(n.map_or("NULL".to_owned(), |n| format!("'{n}'")), T::Decimal(38, 0));
        let int = |n: i64| Typed { nullable: false, ..Typed::new(n.to_string(), T::Int) };
        let values: Vec<String> = args.iter().map(as_text).collect();
        let list = values.join(", ");
        let looked =
            |name: &str, ty: SqlType| Typed::new(format!("tmeta('{name}', {list})").replace(", )", ")"), ty);
        let caught = facts.caught.as_ref();
        Ok(Some(match (call.name.as_str(), args.len()) {
            ("DB_NAME" | "ORIGINAL_DB_NAME", 0) => text(&facts.database),
            ("DB_ID", 0) => Typed::new("5", T::SmallInt),
            ("SCHEMA_NAME", 0) => text(&facts.schema),
            ("SUSER_SNAME" | "SUSER_NAME" | "ORIGINAL_LOGIN" | "SYSTEM_USER", 0) => text(&facts.login),
            ("USER_NAME" | "CURRENT_USER" | "SESSION_USER" | "USER", 0) => text(&facts.user),
            ("HOST_NAME" | "APP_NAME", 0) => looked(&call.name, T::NVarChar(128)),
            ("SCOPE_IDENTITY", 0) => numeric(facts.scope_identity),
            ("IDENT_CURRENT" | "IDENT_SEED" | "IDENT_INCR", 1) => looked(&call.name, T::Decimal(38, 0)),
            ("XACT_STATE", 0) => Typed {
                nullable: false,
                ..Typed::new(
                    if facts.doomed {
                        "-1"
                    } else if facts.trancount > 0 {
                        "1"
                    } else {
                        "0"
                    },
                    T::SmallInt,
                )
            },
            ("SERVERPROPERTY", 1) | ("DATABASEPROPERTYEX" | "COLLATIONPROPERTY", 2) => {
                looked(&call.name, T::Variant)
            }
            ("OBJECT_ID" | "IS_ROLEMEMBER" | "IS_SRVROLEMEMBER", 1 | 2)
            | ("SCHEMA_ID", 0 | 1)
            | ("TYPE_ID" | "HAS_DBACCESS" | "IS_MEMBER" | "DB_ID", 1)
            | ("HAS_PERMS_BY_NAME", 3..=5)
            | ("COLUMNPROPERTY" | "INDEXPROPERTY", 3)
            | ("OBJECTPROPERTY" | "OBJECTPROPERTYEX" | "COL_LENGTH", 2) => looked(&call.name, T::Int),
            ("OBJECT_NAME" | "OBJECT_SCHEMA_NAME", 1 | 2)
            | ("COL_NAME" | "PARSENAME", 2)
            | ("TYPE_NAME" | "SCHEMA_NAME" | "DB_NAME" | "USER_NAME", 1)
            | ("INDEX_COL", 3) => looked(&call.name, T::NVarChar(128)),
            ("OBJECT_DEFINITION", 1) => looked(&call.name, T::NVarChar(MAX)),
            ("ERROR_NUMBER", 0) => caught.map_or(Typed::new("NULL", T::Int), |e| int(i64::from(e.number))),
            ("ERROR_SEVERITY", 0) => caught.map_or(Typed::new("NULL", T::Int), |e| int(i64::from(e.class))),
            ("ERROR_STATE", 0) => caught.map_or(Typed::new("NULL", T::Int), |e| int(i64::from(e.state))),
            ("ERROR_LINE", 0) => caught.map_or(Typed::new("NULL", T::Int), |e| int(i64::from(e.line))),
            ("ERROR_MESSAGE", 0) => {
                let message = caught.map(|e| e.message.clone());
                let sql = self.bind(message.map_or(Value::Null, Value::Text));
                Typed::new(sql, T::NVarChar(4000))
            }
            ("ERROR_PROCEDURE", 0) => Typed::new("NULL", T::NVarChar(128)),
            _ => return Ok(None),
        }))
    }
}
