//! Keeps the queue file as the configuration wants it, in small steps beside the daily work: events sealed or not, what is older
//! than its retention erased, room given back. Erases nothing by a clock that it does not believe.

use std::{sync::Arc, time::Instant};

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    config, limits,
    model::clock::{Clock, Timestamp},
    policy::{Belief, Erasing},
    queue::{Queue, QueueError, Retention},
};

/// Goes on until `stop`.
pub async fn keep(queue: Queue, keep: config::Queue, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let begun = Instant::now();
    // Where it cannot be told, the clock is doubted.
    let newest = queue.newest().await.unwrap_or(Some(Timestamp::default()));
    let mut erasing = Erasing::begin(newest, clock.now());
    loop {
        convert(&queue, keep.encrypt).await;
        let now = clock.now();
        match erasing.judge(now, begun.elapsed()) {
            Belief::Believed => {
                if let Err(error) = prune(&queue, &keep, now).await {
                    warn!(%error, "old events could not be erased");
                }
            }
            Belief::Doubted => warn!(
                now = now.rfc3339(),
                "the clock is far ahead of what was expected; no old event is erased until it has stood so for a day"
            ),
            Belief::StillDoubted => {}
        }
        let pause = match queue.tidy().await {
            Ok(true) => limits::PRUNE_INTERVAL,
            // A command reads the file: what was erased is still in the log.
            Ok(false) => limits::TIDY_INTERVAL,
            Err(error) => {
                warn!(%error, "the queue file could not be made smaller");
                limits::PRUNE_INTERVAL
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn convert(queue: &Queue, encrypt: bool) {
    match queue.convert().await {
        Ok(0) => {}
        Ok(events) if encrypt => info!(events, "the events in the queue file are encrypted now"),
        Ok(events) => info!(events, "the events in the queue file are not encrypted any more"),
        Err(error) => {
            warn!(%error, "the events in the queue file could not be converted; it will be tried again");
        }
    }
}

/// Erases what retention allows.
async fn prune(queue: &Queue, keep: &config::Queue, now: Timestamp) -> Result<(), QueueError> {
    let retention = Retention {
        applied_before: now.before(keep.keep_applied),
        parked_before: keep.keep_parked.map(|kept| now.before(kept)),
        entities_before: now.before(limits::KEEP_ENTITIES),
    };
    let (mut finished, mut parked) = (0, 0);
    loop {
        let erased = queue.prune(retention).await?;
        finished += erased.finished;
        parked += erased.parked;
        // What went may have been all that kept another, whose id it had.
        if !erased.more && erased.finished + erased.parked == 0 {
            break;
        }
    }
    let operators_before = now.before(limits::KEEP_AUDIT_OPERATORS);
    while queue.prune_audit(now.before(keep.keep_audit), operators_before).await? > 0 {}
    if finished > 0 {
        info!(events = finished, "old events erased");
    }
    if parked > 0 {
        warn!(
            events = parked,
            "events that waited for an operator longer than queue.keep_parked_days were erased"
        );
    }
    Ok(())
}
