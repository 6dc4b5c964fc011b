//! What `$NAME.generated_key` and `$NAME.COLUMN` mean among the steps of a rule, or what is wrong with them. It changes
//! nothing.

use crate::{
    config::{
        keypath::printable, problem::nearest, resolve_field::GENERATED_KEY, resolve_mapping::folded,
        resolve_step::Base, resolve_steps::Turn,
    },
    model::table::ColumnName,
};

/// Why a reference leads nowhere.
pub(crate) struct Lost {
    /// The step that is meant, which lacks something; none where no step has the name.
    pub(crate) step: Option<usize>,
    /// In words.
    pub(crate) message: String,
}

/// The index of the step that `$name.column` in the step of index `from` means; no column is the generated key.
pub(crate) fn refer(
    turns: &[Turn<'_>],
    from: usize,
    name: &str,
    column: Option<&ColumnName>,
) -> Result<usize, Lost> {
    let (at, turn) = earlier(turns, from, name).map_err(|message| Lost { step: None, message })?;
    gives(turn, &printable(name), column).map_err(|message| Lost { step: Some(at), message })?;
    Ok(at)
}

fn earlier<'t, 'd>(turns: &'t [Turn<'d>], from: usize, name: &str) -> Result<(usize, &'t Turn<'d>), String> {
    let shown = printable(name);
    let mut called = turns.iter().enumerate().filter(|(_, turn)| turn.draft.name == name);
    let message = match (called.next(), called.next()) {
        (Some(found), None) if found.0 < from => return Ok(found),
        (Some((at, _)), None) if at == from => {
            format!(
                "the step \"{shown}\" is this step itself; only what an earlier step got or wrote is known here"
            )
        }
        (Some(_), None) => format!("the step \"{shown}\" comes later; move it before this one"),
        (Some(_), Some(_)) => format!("two steps are called \"{shown}\"; give each a \"name\" of its own"),
        (None, _) if from == 0 => format!(
            "refers to an earlier step \"{shown}\", and there is none; write both rows as \"steps\": [ ... ], the one \
             that this refers to first, with \"name\": \"{shown}\""
        ),
        (None, _) => match nearest(name, turns.iter().take(from).map(|turn| turn.draft.name.as_str())) {
            Some(meant) => {
                format!("no earlier step is called \"{shown}\"; did you mean \"${}\"?", printable(meant))
            }
            None => format!(
                "no earlier step is called \"{shown}\"; give the step that is meant \"name\": \"{shown}\", before this one"
            ),
        },
    };
    Err(message)
}

/// Whether a step has what is asked of it.
fn gives(turn: &Turn<'_>, shown: &str, column: Option<&ColumnName>) -> Result<(), String> {
    let Base::Row { generated, .. } = &turn.draft.base else {
        return Err(format!(
            "the step \"{shown}\" runs a statement, which gives nothing back; refer to a step with a \"table\""
        ));
    };
    let Some(column) = column else {
        let message = || {
            format!(
                "the step \"{shown}\" has no \"generated_key\"; add it there, with the column that numbers the table's rows"
            )
        };
        return generated.as_ref().map(|_| ()).ok_or_else(message);
    };
    let written = || turn.parts.columns().map(|(column, _)| column);
    if written().any(|other| folded(other) == folded(column)) {
        return Ok(());
    }
    let generated_key = generated.as_ref().map(|_| GENERATED_KEY);
    let meant = match generated {
        Some(generated) if folded(generated) == folded(column) => generated_key,
        _ => nearest(&column.0, written().map(|other| other.0.as_str()).chain(generated_key)),
    };
    let wrong = printable(&column.0);
    let hint = if let Some(meant) = meant {
        format!("did you mean \"${shown}.{}\"?", printable(meant))
    } else {
        let all: Vec<String> = written().map(|other| printable(&other.0)).collect();
        format!("it writes {}", all.join(", "))
    };
    Err(format!("the step \"{shown}\" does not write {wrong}; {hint}"))
}
