//! Owns the functions that tell about the server, the database and its objects, with what the user may not see left out.

use rusqlite::types::Value;

use crate::catalog::{Kind, same};
use crate::collation;
use crate::convert::text_of;
use crate::error::SqlError;
use crate::functions::Scope;
use crate::types::SYSTEM_TYPES;

/// Whether the user sees the object in the catalog.
pub(crate) fn visible(scope: &Scope, id: i64) -> bool {
    !scope.limited
        || ["SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE", "VIEW DEFINITION"]
            .iter()
            .any(|p| may(scope, p, id))
}

/// Whether the user may do this to the object: DENY wins, then GRANT on the object, its schema (negative ids) or all (0).
pub(crate) fn may(scope: &Scope, permission: &str, id: i64) -> bool {
    if !scope.limited {
        return true;
    }
    let schema = scope
        .catalog
        .objects
        .iter()
        .find(|o| o.0 == id)
        .and_then(|o| scope.catalog.schema_id(&o.1))
        .map_or(0, |s| -s);
    let mut granted = false;
    for (user, object, what, denied) in &scope.catalog.grants {
        let mine = same(user, &scope.facts.login) || same(user, "public");
        let here = *object == id || *object == 0 || *object == schema;
        if mine && here && (what == permission || what == "CONTROL" || what == "ALL") {
            if *denied {
                return false;
            }
            granted = true;
        }
    }
    granted
}

fn object(scope: &Scope, name: &str) -> Option<(i64, String, String, String)> {
    let parts = crate::sql::parser::name(name).ok()?;
    let (object, schema) = match parts.as_slice() {
        [object] => (object, None),
        [schema, object] => (object, Some(schema)),
        [database, schema, object] if same(database, &scope.facts.database) => (object, Some(schema)),
        _ => return None,
    };
    let tries = match schema.filter(|s| !s.is_empty()) {
        Some(schema) => vec![schema.clone()],
        None => vec![scope.facts.schema.clone(), "dbo".into()],
    };
    tries.iter().find_map(|schema| {
        let found = scope.catalog.objects.iter().find(|o| same(&o.2, object) && same(&o.1, schema)).cloned();
        found.filter(|o| visible(scope, o.0)).or_else(|| {
            scope.catalog.table(schema, object).filter(|t| t.id < 0).map(|t| {
                (
                    t.id,
                    t.schema.clone(),
                    t.name.clone(),
                    if t.kind == Kind::System { "S".into() } else { "V".into() },
                )
            })
        })
    })
}

fn by_id(scope: &Scope, id: &Value) -> Option<(i64, String, String, String)> {
    let id: i64 = text_of(id).parse().ok()?;
    scope.catalog.objects.iter().find(|o| o.0 == id).cloned().filter(|o| visible(scope, o.0))
}

/// A function by its name in T-SQL.
pub(crate) fn call(name: &str, args: &[Value], scope: &Scope) -> Result<Value, SqlError> {
    let text = |i: usize| args.get(i).map(text_of).unwrap_or_default();
    let number = |i: usize| text(i).trim().parse::<i64>().ok();
    let string = |t: Option<String>| t.map_or(Value::Null, Value::Text);
    let integer = |n: Option<i64>| n.map_or(Value::Null, Value::Integer);
    Ok(match name {
        "HOST_NAME" => Value::Text(scope.host.clone()),
        "APP_NAME" => Value::Text(scope.app.clone()),
        "SERVERPROPERTY" => server_property(&text(0), scope),
        "DATABASEPROPERTYEX" => database_property(&text(0), &text(1), scope),
        "COLLATIONPROPERTY" => match text(1).to_lowercase().as_str() {
            "codepage" => integer(collation::code_page_number(&text(0))),
            "lcid" => integer(collation::lcid(&text(0))),
            "version" if collation::exists(&text(0)) => {
                Value::Integer(if text(0).contains("_100_") { 2 } else { 0 })
            }
            _ => Value::Null,
        },
        "IDENT_CURRENT" => {
            let found = object(scope, &text(0)).and_then(|o| scope.catalog.by_id(o.0).cloned());
            let identity = found.and_then(|t| {
                let (seed, _) = t.columns.iter().find_map(|c| c.identity)?;
                Some(scope.database.last_identity(t.id).unwrap_or(seed))
            });
            string(identity.map(|n| n.to_string()))
        }
        "IDENT_SEED" | "IDENT_INCR" => {
            let found = object(scope, &text(0)).and_then(|o| scope.catalog.by_id(o.0).cloned());
            let identity = found.and_then(|t| t.columns.iter().find_map(|c| c.identity));
            string(identity.map(|(seed, step)| if name == "IDENT_SEED" { seed } else { step }.to_string()))
        }
        "OBJECT_ID" => {
            let wanted = text(1);
            integer(
                object(scope, &text(0)).filter(|o| args.len() < 2 || same(&o.3, wanted.trim())).map(|o| o.0),
            )
        }
        "OBJECT_NAME" => string(by_id(scope, &args[0]).map(|o| o.2)),
        "OBJECT_SCHEMA_NAME" => string(by_id(scope, &args[0]).map(|o| o.1)),
        "OBJECT_DEFINITION" => Value::Null,
        "COL_NAME" => {
            let table = number(0).and_then(|id| scope.catalog.by_id(id)).filter(|t| visible(scope, t.id));
            string(
                table
                    .and_then(|t| t.columns.iter().find(|c| Some(c.id) == number(1)).map(|c| c.name.clone())),
            )
        }
        "COL_LENGTH" => {
            let table = object(scope, &text(0)).and_then(|o| scope.catalog.by_id(o.0));
            integer(table.and_then(|t| t.column(&text(1)).map(|i| t.columns[i].ty.catalog_sizes().0)))
        }
        _ => about_names(name, args, scope)?,
    })
}

/// The rest of them: names and ids of types, schemas and databases, memberships, properties.
fn about_names(name: &str, args: &[Value], scope: &Scope) -> Result<Value, SqlError> {
    let text = |i: usize| args.get(i).map(text_of).unwrap_or_default();
    let number = |i: usize| text(i).trim().parse::<i64>().ok();
    let string = |t: Option<String>| t.map_or(Value::Null, Value::Text);
    let integer = |n: Option<i64>| n.map_or(Value::Null, Value::Integer);
    let flag = |b: bool| Value::Integer(i64::from(b));
    let facts = &scope.facts;
    Ok(match name {
        "TYPE_NAME" => {
            string(number(0).and_then(|id| SYSTEM_TYPES.iter().find(|t| t.2 == id).map(|t| t.0.to_owned())))
        }
        "TYPE_ID" => integer(SYSTEM_TYPES.iter().find(|t| same(t.0, &text(0))).map(|t| t.2)),
        "SCHEMA_NAME" => string(
            number(0).and_then(|id| scope.catalog.schemas.iter().find(|s| s.0 == id).map(|s| s.1.clone())),
        ),
        "SCHEMA_ID" => {
            integer(scope.catalog.schema_id(&if args.is_empty() { facts.schema.clone() } else { text(0) }))
        }
        "DB_NAME" => string((number(0) == Some(5)).then(|| facts.database.clone())),
        "DB_ID" => integer(facts.databases.iter().position(|d| same(d, &text(0))).map(|i| i as i64 + 5)),
        "USER_NAME" => Value::Text(facts.user.clone()),
        "HAS_DBACCESS" => {
            let known = facts.databases.iter().any(|d| same(d, &text(0)));
            if known { Value::Integer(1) } else { Value::Null }
        }
        "IS_MEMBER" | "IS_ROLEMEMBER" => match text(0).to_lowercase().as_str() {
            "public" => Value::Integer(1),
            "db_owner" | "db_datareader" | "db_datawriter" | "db_ddladmin" => flag(!scope.limited),
            "db_denydatareader" | "db_denydatawriter" | "db_securityadmin" | "db_accessadmin" => {
                Value::Integer(0)
            }
            _ => Value::Null,
        },
        "IS_SRVROLEMEMBER" => match text(0).to_lowercase().as_str() {
            "public" => Value::Integer(1),
            "sysadmin" => flag(facts.sysadmin),
            "serveradmin" | "securityadmin" | "setupadmin" | "dbcreator" => flag(facts.sysadmin),
            _ => Value::Null,
        },
        "HAS_PERMS_BY_NAME" => has_permission(args, scope),
        "COLUMNPROPERTY" => column_property(scope, number(0), &text(1), &text(2)),
        "OBJECTPROPERTY" | "OBJECTPROPERTYEX" => {
            match (by_id(scope, &args[0]), text(1).to_lowercase().as_str()) {
                (Some(o), "istable" | "isusertable") => flag(o.3 == "U"),
                (Some(o), "isview") => flag(o.3 == "V"),
                (Some(o), "isprocedure") => flag(o.3 == "P"),
                (Some(o), "tablehasidentity") => flag(
                    scope.catalog.by_id(o.0).is_some_and(|t| t.columns.iter().any(|c| c.identity.is_some())),
                ),
                (Some(o), "tablehasprimarykey") => {
                    flag(scope.catalog.by_id(o.0).is_some_and(|t| t.indexes.iter().any(|i| i.primary)))
                }
                _ => Value::Null,
            }
        }
        "PARSENAME" => {
            let parts = crate::sql::parser::name(&text(0)).unwrap_or_default();
            string(number(1).and_then(|n| parts.iter().rev().nth((n - 1).max(0) as usize).cloned()))
        }
        _ => Value::Null,
    })
}

fn server_property(name: &str, scope: &Scope) -> Value {
    let facts = &scope.facts;
    match name.to_lowercase().as_str() {
        "productversion" => Value::Text(facts.product.clone()),
        "productlevel" => Value::Text("RTM".into()),
        "productmajorversion" if facts.major >= 12 => Value::Text(facts.major.to_string()),
        "edition" => Value::Text("Developer Edition (64-bit)".into()),
        "engineedition" => Value::Integer(3),
        "servername" => Value::Text(facts.server.clone()),
        "machinename" => Value::Text(facts.server.split('\\').next().unwrap_or_default().to_owned()),
        "instancename" if facts.instance != "MSSQLSERVER" => Value::Text(facts.instance.clone()),
        "collation" => Value::Text(facts.collation.clone()),
        "isintegratedsecurityonly" | "isclustered" | "ishadrenabled" => Value::Integer(0),
        _ => Value::Null,
    }
}

fn database_property(database: &str, name: &str, scope: &Scope) -> Value {
    if !scope.facts.databases.iter().any(|d| same(d, database)) {
        return Value::Null;
    }
    match name.to_lowercase().as_str() {
        "collation" => Value::Text(scope.facts.collation.clone()),
        "updateability" => Value::Text(if scope.facts.read_only { "READ_ONLY" } else { "READ_WRITE" }.into()),
        "status" => Value::Text("ONLINE".into()),
        "recovery" => Value::Text("SIMPLE".into()),
        "useraccess" => Value::Text("MULTI_USER".into()),
        "isansinullsenabled" | "isnullconcat" | "isautoclose" | "isautoshrink" => Value::Integer(0),
        _ => Value::Null,
    }
}

fn has_permission(args: &[Value], scope: &Scope) -> Value {
    let text = |i: usize| args.get(i).map(text_of).unwrap_or_default();
    let permission = text(2).to_uppercase();
    if matches!(args[0], Value::Null) {
        // About the server or the database.
        let database = text(1).eq_ignore_ascii_case("DATABASE");
        let open = matches!(permission.as_str(), "CONNECT" | "CONNECT SQL" | "VIEW ANY DATABASE");
        return Value::Integer(i64::from(open || (database && !scope.limited) || scope.facts.sysadmin));
    }
    match text(1).to_uppercase().as_str() {
        "DATABASE" => {
            let known = scope.facts.databases.iter().any(|d| same(d, text(0).trim_matches(['[', ']'])));
            if known {
                Value::Integer(i64::from(!scope.limited || permission == "CONNECT"))
            } else {
                Value::Null
            }
        }
        "SCHEMA" => match scope.catalog.schema_id(text(0).trim_matches(['[', ']'])) {
            Some(id) => Value::Integer(i64::from(!scope.limited || may(scope, &permission, -id))),
            None => Value::Null,
        },
        "OBJECT" => match object(scope, &text(0)) {
            Some(o) => {
                let all = if permission == "ANY" {
                    visible(scope, o.0)
                } else {
                    o.0 < 0 || may(scope, &permission, o.0)
                };
                Value::Integer(i64::from(all))
            }
            None => Value::Null,
        },
        _ => Value::Null,
    }
}

fn column_property(scope: &Scope, id: Option<i64>, column: &str, property: &str) -> Value {
    let found =
        id.and_then(|id| scope.catalog.by_id(id)).and_then(|t| t.column(column).map(|i| &t.columns[i]));
    let Some(column) = found else { return Value::Null };
    Value::Integer(match property.to_lowercase().as_str() {
        "isidentity" => i64::from(column.identity.is_some()),
        "iscomputed" => i64::from(column.computed.is_some()),
        "allowsnull" => i64::from(column.nullable),
        "columnid" => column.id,
        "precision" => column.ty.catalog_sizes().1,
        "scale" => column.ty.catalog_sizes().2,
        "charmaxlen" => i64::from(column.ty.length()),
        _ => return Value::Null,
    })
}
