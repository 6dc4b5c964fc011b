//! Tells the crosswalk which rows a transaction makes, before the HIS is told to keep them: a crash at any instant leaves
//! either a link, or the key of a row that is there or not.

use std::{collections::HashMap, sync::Arc};

use sha2::{Digest, Sha256};

use crate::{
    his::{HisError, Keys, ask::Wanted},
    model::{
        change::{Change, Op, Shape},
        clock::Clock,
        entity::Entity,
        event::Seq,
        outcome::{FaultClass, LinkChange},
    },
    queue::{Proposal, Question, Queue},
    sync::{Interrupted, link::Link, page::Item},
};

/// Where the links are kept.
#[derive(Clone, Copy)]
pub(super) struct Crosswalk<'a> {
    pub(super) queue: &'a Queue,
    pub(super) clock: &'a dyn Clock,
}

/// A row that a batch has inserted.
struct Made {
    /// Its event's place among the page's items.
    item: usize,
    by: Seq,
    entity: Entity,
    key: String,
    /// It could not be found again without its link.
    lost: bool,
    /// The row that its record was linked to, and that is gone.
    instead_of: Option<String>,
}

/// Rows by the shape of their insert.
type MadeByShape = Vec<(Arc<Shape>, Vec<Made>)>;

impl Crosswalk<'_> {
    /// Reads what the open transaction has inserted, and writes down the keys of rows that nothing else would tell.
    pub(super) async fn propose(
        &self,
        link: &mut Link,
        items: &mut [Item],
        live: &[usize],
        keys: &Keys,
    ) -> Result<(), Interrupted> {
        let mut proposals = Vec::new();
        for (shape, made) in made(items, live, keys)? {
            // One row's key is certain. Keys of many rows are counted from the first one's: they are looked at.
            if made.len() == 1 && made.iter().all(|m| !m.lost) {
                continue;
            }
            let of: Vec<String> = made.iter().map(|m| m.key.clone()).collect();
            let found = fingerprints(link, &shape, &of, false).await?;
            for (made, proof) in made.into_iter().zip(found) {
                let Some(proof) = proof else { return Err(miscounted(&shape).into()) };
                if !made.lost {
                    continue;
                }
                if let Some(item) = items.get_mut(made.item) {
                    item.proposed.push(made.entity.clone());
                }
                proposals.push(Proposal {
                    entity: made.entity,
                    his_key: made.key,
                    proof,
                    by: made.by,
                    instead_of: made.instead_of,
                });
            }
        }
        if !proposals.is_empty() {
            self.queue.propose(proposals, self.clock.now()).await?;
        }
        Ok(())
    }

    /// Whether a transaction was committed whose COMMIT went unanswered, as far as its inserted rows tell: one that a rollback
    /// takes back is enough. None where they do not tell.
    pub(super) async fn was_committed(
        &self,
        link: &mut Link,
        items: &[Item],
        live: &[usize],
        keys: &Keys,
    ) -> Result<Option<bool>, Interrupted> {
        let works = || live.iter().filter_map(|index| items.get(*index)?.work());
        let is_permanent = |change: &Change| change.shape().is_some_and(|shape| !shape.table.transactional);
        if works().all(|work| work.change.rows.iter().all(is_permanent)) {
            // It was done before COMMIT.
            return Ok(Some(true));
        }
        let all = made(items, live, keys)?;
        let stays = all.iter().any(|(shape, _)| !shape.table.transactional);
        let mut taken_back = all.iter().filter(|(shape, _)| shape.table.transactional);
        let Some((shape, made)) = taken_back.find_map(|(shape, made)| Some((shape, made.first()?))) else {
            return Ok((!stays).then_some(false));
        };
        let found = fingerprints(link, shape, std::slice::from_ref(&made.key), true).await?;
        let Some(now) = found.into_iter().next().flatten() else {
            // What has stayed must not be done again.
            return Ok((!stays).then_some(false));
        };
        if !made.lost {
            return Ok(Some(true));
        }
        // A server that was started anew may have given the key to another row.
        let seq = items.get(made.item).map_or(Seq(0), |item| item.event.seq);
        let question = Question { entity: made.entity.clone(), seq, order: false, link: true };
        let standing = self.queue.standing(vec![question]).await?.into_iter().next();
        let proof = standing.and_then(|standing| standing.link?.proof);
        Ok((proof == Some(now)).then_some(true))
    }
}

/// The rows that a batch has inserted and whose keys their tables made, by shape.
fn made(items: &[Item], live: &[usize], keys: &Keys) -> Result<MadeByShape, HisError> {
    let mut all = MadeByShape::new();
    let mut places: HashMap<usize, usize> = HashMap::new();
    for (event, index) in live.iter().enumerate() {
        let Some(item) = items.get(*index) else { continue };
        let Some(work) = item.work() else { continue };
        for (place, (change, of)) in work.change.rows.iter().zip(&work.of).enumerate() {
            let Some(shape) = change.inserted() else { continue };
            let Some(key) = keys.of(event, place) else { return Err(miscounted(shape)) };
            let entity = change.entity.clone();
            let lost = !of.findable && shape.table.transactional;
            let instead_of = item.knowns.get(of.step).filter(|k| k.gone).and_then(|k| k.his_key.clone());
            let made =
                Made { item: *index, by: item.event.seq, entity, key: key.to_owned(), lost, instead_of };
            let group = *places.entry(Arc::as_ptr(shape) as usize).or_insert_with(|| {
                all.push((Arc::clone(shape), Vec::new()));
                all.len() - 1
            });
            if let Some((_, rows)) = all.get_mut(group) {
                rows.push(made);
            }
        }
    }
    Ok(all)
}

fn miscounted(shape: &Shape) -> HisError {
    let message = format!(
        "the keys that {} gave to new rows could not be told: a trigger or the server counts them in its own way",
        shape.table.title()
    );
    HisError::plain(FaultClass::Unrecognised, "generated-key", message)
}

/// What the rows of these keys hold in the columns that an insert of that shape writes, as one number each; none for a row
/// that is not there. With `lock` a row of a transaction that is still open on the server is waited for.
pub(super) async fn fingerprints(
    link: &mut Link,
    shape: &Shape,
    keys: &[String],
    lock: bool,
) -> Result<Vec<Option<i64>>, HisError> {
    let Some(generated) = shape.generated else { return Ok(Vec::new()) };
    let columns: Vec<usize> = shape.columns.iter().map(|(column, _)| *column).collect();
    let rows = link.rows(&shape.table, generated, keys, Wanted::Joined(&columns), lock).await?;
    let text = |cells: Vec<Option<String>>| cells.into_iter().flatten().next().unwrap_or_default();
    Ok(rows.into_iter().map(|row| row.map(|cells| fingerprint(&text(cells)))).collect())
}

fn fingerprint(row: &str) -> i64 {
    let digest = Sha256::digest(row.as_bytes());
    let mut first = [0; 8];
    first.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    i64::from_le_bytes(first)
}

/// The records whose rows an event's changes moved, as the crosswalk is to know them.
pub(super) fn links_of(item: &Item, keys: impl Fn(usize) -> Option<String>) -> Vec<(Entity, LinkChange)> {
    let Some(work) = item.work() else { return Vec::new() };
    let moved = |(place, change): (usize, &Change)| {
        let shape = change.shape()?;
        shape.generated?;
        let link = match shape.op {
            Op::Insert => LinkChange::Set(keys(place)?),
            Op::Delete => LinkChange::Drop,
            Op::Update | Op::Upsert => return None,
        };
        Some((change.entity.clone(), link))
    };
    work.change.rows.iter().enumerate().filter_map(moved).collect()
}
