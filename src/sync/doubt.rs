//! Events that may be in the HIS without a word of it in the queue file, because that was restored from a backup: what
//! nothing tells again is left to an operator, and never done twice. Pure.

use crate::{
    model::{
        change::{Act, Change, Op, Role},
        outcome::Rejection,
    },
    plan::{Of, link_command},
    queue::RESTORED_CAUSE,
    sync::page::{Item, Work},
};

/// Why an event is left to an operator: one of its changes may have been done, and nothing shows whether.
pub(super) fn refusal(item: &Item) -> Option<Rejection> {
    let work = item.work().filter(|_| item.event.doubt)?;
    let (change, _) = work.change.rows.iter().zip(&work.of).find(|(change, of)| !shows(change, of))?;
    Some(reason(item, work, change))
}

/// Whether a change that was done before is found, or does no harm when it is done again.
fn shows(change: &Change, of: &Of) -> bool {
    if change.guard.is_some() {
        return true;
    }
    match &change.act {
        Act::Call(_) => of.repeatable,
        Act::Row(shape) if shape.op == Op::Insert => {
            of.findable || shape.columns.iter().any(|(_, role)| *role == Role::Key)
        }
        Act::Row(_) => true,
    }
}

fn reason(item: &Item, work: &Work, change: &Change) -> Rejection {
    let seq = item.event.seq;
    let begins = format!(
        "the queue file was restored from a backup, and this event may have been written before; nothing in {} tells whether it was",
        change.title()
    );
    let linked = change.inserted().is_some() && !change.entity.scope_and_key().0.is_empty();
    let then = if linked {
        format!(
            "look for its row there; if it is there, `{} --to NUMBER`; then, or if it is not there, `buktor-middleware events retry {seq}`",
            link_command(&change.entity)
        )
    } else if work.change.rows.len() > 1 {
        format!(
            "look for what it wrote; if nothing of it is there, `buktor-middleware events retry {seq}`, else `events discard {seq}`"
        )
    } else {
        format!(
            "look for what it does there; if it is done, `buktor-middleware events discard {seq}`, else `events retry {seq}`"
        )
    };
    Rejection {
        cause: RESTORED_CAUSE.to_owned(),
        message: format!("{begins}: {then}. A \"marker\" in the mapping tells by itself"),
    }
}
