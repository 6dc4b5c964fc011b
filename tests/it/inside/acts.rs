//! What can happen, at random from a seed. An act names what it is about by a number that is counted round among what there is
//! then, so that acts still mean something when others are left out.

use fastrand::Rng;

use super::model::Sent;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// An event arrives.
    Send(Sent),
    /// An event arrives a second time.
    Again(usize),
    /// Another event arrives under the id of one.
    Conflict(usize, String),
    /// A cycle in peace.
    Cycle,
    /// A cycle that the process does not survive: it dies after so many steps.
    Crash(u32),
    /// An orderly end and a new start.
    Reopen,
    /// A cycle while the HIS is away.
    Outage,
    /// A cycle while somebody else holds the HIS.
    Busy,
    /// An operator tries one event again, or all.
    Retry(Option<usize>),
    /// An operator gives one event up.
    Discard(usize),
    /// The HIS deletes a row.
    HisDeletes(usize),
    /// The HIS writes into a row.
    HisWrites(usize),
    /// The HIS gets a doctor.
    Doctor(u8),
    /// So many days go by, and what is old is erased.
    Days(u64),
    /// `extra` gets a mapping.
    Adopt,
}

/// So many acts.
pub(super) fn acts(rng: &mut Rng, count: u32) -> Vec<Act> {
    (0..count).map(|number| act(rng, number)).collect()
}

fn act(rng: &mut Rng, number: u32) -> Act {
    let any = rng.usize(..);
    match rng.u32(..1000) {
        0..620 => Act::Send(sent(rng, number)),
        620..650 => Act::Again(any),
        650..670 => Act::Conflict(any, format!("c{number}")),
        670..780 => Act::Cycle,
        780..860 => Act::Crash(rng.u32(1..120)),
        860..870 => Act::Reopen,
        870..890 => Act::Outage,
        // It takes a second or two.
        890..892 if any.is_multiple_of(8) => Act::Busy,
        892..900 => Act::Retry(None),
        900..920 => Act::Retry(Some(any)),
        920..935 => Act::Discard(any),
        935..950 => Act::HisDeletes(any),
        950..965 => Act::HisWrites(any),
        965..980 => Act::Doctor(rng.u8(..5)),
        980..997 => Act::Days(*rng.choice(&[1, 1, 10, 35, 35, 200, 500]).unwrap()),
        _ => Act::Adopt,
    }
}

fn sent(rng: &mut Rng, number: u32) -> Sent {
    let kinds = ["visit", "visit", "triage", "slot", "slot", "slot", "entry", "order", "extra", "gossip"];
    let kind = *rng.choice(&kinds).unwrap();
    let operation = match (kind, rng.u32(..10)) {
        ("entry" | "order" | "gossip", _) => "updated",
        (_, 0..2) => "deleted",
        (_, 2..4) => "cancelled",
        _ => "updated",
    };
    let value = |rng: &mut Rng| {
        if rng.u32(..40) == 0 { format!("far too long {number}") } else { format!("v{number}") }
    };
    let (mut a, mut b) = (None, None);
    if operation != "deleted" {
        // Each row of a table that makes its own keys is known by its `a`.
        a = (matches!(kind, "slot" | "entry") || rng.u32(..4) > 0).then(|| value(rng));
        b = (kind != "order" && rng.bool()).then(|| value(rng));
    }
    let record = rng.u8(1..=6);
    let at = match record % 3 {
        0 => None,
        1 => Some(i64::from(number)),
        // Mixed, and out of order.
        _ => rng
            .bool()
            .then(|| i64::from(number) * 100 + rng.i64(-2000..2000) / 100 * 100 + i64::from(number) % 100),
    };
    // No two alike: which of two events of one instant is the newer one, the order of receipt says, and retries change that.
    let at = at.map(|at| 1_700_000_000 + at * 1000 + i64::from(number));
    let doctor = (kind == "order" && rng.u32(..3) > 0).then(|| rng.u8(..5));
    Sent { id: format!("e{number}"), kind, operation, record, a, b, doctor, at }
}
