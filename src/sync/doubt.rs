//! Events that may be in the HIS without a word of it in the queue file, because that was restored from a backup: what
//! nothing tells again is left to an operator, and never done twice. Pure.

use crate::{
    model::{
        change::{Act, Change, Op, Role},
        event::Seq,
        outcome::Rejection,
    },
    plan::{Of, link_command},
    queue::RESTORED_CAUSE,
    sync::page::Item,
};

/// Why an event is left to an operator: some of its changes may have been done, and nothing shows whether.
pub(super) fn refusal(item: &Item) -> Option<Rejection> {
    let work = item.work().filter(|_| item.event.doubt)?;
    let changes = work.change.rows.iter().zip(&work.of);
    let unsure: Vec<&Change> =
        changes.filter(|(change, of)| !shows(change, of)).map(|(change, _)| change).collect();
    (!unsure.is_empty()).then(|| reason(item.event.seq, &unsure))
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

fn reason(seq: Seq, unsure: &[&Change]) -> Rejection {
    let places: Vec<String> = unsure.iter().map(|change| change.title()).collect();
    let is_linked =
        |change: &&&Change| change.inserted().is_some() && !change.entity.scope_and_key().0.is_empty();
    let links: Vec<String> = unsure
        .iter()
        .filter(is_linked)
        .map(|change| format!("`{} --to NUMBER`", link_command(&change.entity)))
        .collect();
    let (retry, discard) = (
        format!("`buktor-middleware events retry {seq}`"),
        format!("`buktor-middleware events discard {seq}`"),
    );
    let then = if links.is_empty() {
        format!("Look whether it is done; if it is, {discard}, else {retry}")
    } else if links.len() == unsure.len() {
        format!(
            "Look for its rows; if they are there, say so with {}; then, or if they are not there, {retry}",
            links.join(" and ")
        )
    } else {
        format!(
            "Look whether it is done, all of it or nothing is; if it is, {} and {discard}, else {retry}",
            links.join(" and ")
        )
    };
    let message = format!(
        "the queue file was restored from a backup, and this event may have been written before: nothing in {} tells. {}. \
         With a \"marker\" in the mapping nobody has to look",
        places.join(" and "),
        then
    );
    Rejection { cause: RESTORED_CAUSE.to_owned(), message }
}
