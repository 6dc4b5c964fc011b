//! Who holds a connection, and who makes room: the decisions of `connections`, as plain data. Knows no socket and
//! no clock; times are microseconds since a moment that its caller chose.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;

/// Connections that were asked to make room and have not done so yet; with more of them, new ones wait. So there are
/// never more connections than the maximum and this many.
pub(super) const CUTTING_MAX: usize = 64;

/// What all connections together may take.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "each is a most, and says of what")]
pub(super) struct Bounds {
    pub(super) connections_max: usize,
    pub(super) connections_per_address_max: usize,
    pub(super) bodies_bytes_max: usize,
}

/// Whose turn it is on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// The client's: a handshake, or headers.
    Coming,
    /// The client's: a body.
    Body,
    /// Ours: the request is complete.
    Answering,
    /// The client's: it has its reply and may send another request.
    Idle,
    /// The client's: it has its reply, and still sends the body of the request.
    Refused,
}

impl Phase {
    const ALL: [Self; 5] = [Self::Coming, Self::Body, Self::Answering, Self::Idle, Self::Refused];
}

/// What a connection is asked for, as bits of [`Seat::asked`].
pub(super) mod asked {
    /// To end, unless its request is complete by now.
    pub(in crate::http) const ROOM: u8 = 1;
    /// To give up the body that it is reading.
    pub(in crate::http) const BYTES: u8 = 2;
    /// To end after the request that is under way.
    pub(in crate::http) const STOP: u8 = 4;
    /// To end at once.
    pub(in crate::http) const NOW: u8 = 8;
    /// [`ROOM`], and nothing is left to read: it is looked at once more, and then cut.
    pub(in crate::http) const LAST: u8 = 16;
}

/// The network that counts as one client: an IPv4 address, the first half of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address(IpAddr);

impl Address {
    pub(super) fn of(ip: IpAddr) -> Self {
        Self(match ip.to_canonical() {
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

/// A connection as the registry sees it. Its own task alone writes phase and time; anybody may ask.
#[derive(Debug)]
pub(super) struct Seat {
    address: Address,
    phase: AtomicU8,
    /// Since when the client keeps its request back.
    since: AtomicU64,
    /// Held by its body.
    bytes: AtomicUsize,
    asked: AtomicU8,
    /// How often something was read.
    reads: AtomicU32,
    /// Rings when something is asked.
    pub(super) bell: Notify,
}

impl Seat {
    fn new(address: Address, now: u64) -> Self {
        Self {
            address,
            phase: AtomicU8::new(Phase::Coming as u8),
            since: AtomicU64::new(now),
            bytes: AtomicUsize::new(0),
            asked: AtomicU8::new(0),
            reads: AtomicU32::new(0),
            bell: Notify::new(),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        let phase = usize::from(self.phase.load(Ordering::Relaxed));
        Phase::ALL.get(phase).copied().unwrap_or(Phase::Answering)
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    pub(super) fn set_since(&self, now: u64) {
        self.since.store(now, Ordering::Relaxed);
    }

    pub(super) fn count_read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reads(&self) -> u32 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Whether any of these was asked.
    pub(super) fn is_asked(&self, what: u8) -> bool {
        self.asked.load(Ordering::Acquire) & what != 0
    }

    pub(super) fn ask(&self, what: u8) {
        self.asked.fetch_or(what, Ordering::AcqRel);
        self.bell.notify_one();
    }

    pub(super) fn excuse(&self, what: u8) {
        self.asked.fetch_and(!what, Ordering::AcqRel);
    }

    pub(super) fn holds_bytes(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > 0
    }

    fn since(&self) -> u64 {
        self.since.load(Ordering::Relaxed)
    }
}

/// All connections.
#[derive(Debug)]
pub(super) struct Registry {
    bounds: Bounds,
    seats: BTreeMap<u64, Arc<Seat>>,
    next: u64,
    bodies_bytes: usize,
}

impl Registry {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, seats: BTreeMap::new(), next: 0, bodies_bytes: 0 }
    }

    /// A seat with its number; where there was none left, another connection is asked to make room. `None` while every
    /// one is being answered, or too many are on their way out.
    pub(super) fn admit(&mut self, address: Address, now: u64) -> Option<(u64, Arc<Seat>)> {
        let bounds = self.bounds;
        // Every other day there is room without looking for it.
        if self.seats.len() >= bounds.connections_max.min(bounds.connections_per_address_max) {
            self.make_room(address)?;
        }
        let seat = Arc::new(Seat::new(address, now));
        let number = self.next;
        self.next += 1;
        self.seats.insert(number, Arc::clone(&seat));
        Some((number, seat))
    }

    fn make_room(&self, address: Address) -> Option<()> {
        loop {
            let Survey { leaving, near, all } = self.survey(address);
            // An address whose requests are all being answered is an honest one; all together still have their bound.
            let rival = near.oldest.filter(|_| near.count >= self.bounds.connections_per_address_max);
            let victim = match rival {
                Some(rival) => rival,
                None if all.count >= self.bounds.connections_max => self.heaviest()?,
                None => return Some(()),
            };
            if leaving >= CUTTING_MAX {
                return None;
            }
            victim.ask(asked::ROOM);
        }
    }

    /// The connection that has kept its request back longest among those of the address that has most of such: two or three
    /// addresses that open one after the other get each other's places, and not an honest client's that is slow.
    fn heaviest(&self) -> Option<&Seat> {
        let waiting = || {
            let seats = self.seats.values().map(Arc::as_ref);
            seats.filter(|seat| !seat.is_asked(asked::ROOM) && seat.phase() != Phase::Answering)
        };
        let mut counts: HashMap<Address, usize> = HashMap::new();
        waiting().for_each(|seat| *counts.entry(seat.address).or_default() += 1);
        waiting().max_by_key(|seat| (counts.get(&seat.address).copied(), Reverse(seat.since())))
    }

    fn survey(&self, address: Address) -> Survey<'_> {
        let mut survey = Survey::default();
        for seat in self.seats.values() {
            if seat.is_asked(asked::ROOM) {
                survey.leaving += 1;
                continue;
            }
            survey.all.add(seat);
            if seat.address == address {
                survey.near.add(seat);
            }
        }
        survey
    }

    pub(super) fn leave(&mut self, number: u64) {
        if let Some(seat) = self.seats.remove(&number) {
            self.release(&seat);
        }
    }

    /// Lets the seat's body hold so many bytes more. Where that is too much for all bodies together, those that have
    /// been coming longest are asked to give theirs up, which may be this one; then it is to be tried again.
    pub(super) fn reserve(&mut self, seat: &Seat, more: usize) -> bool {
        let bytes_max = self.bounds.bodies_bytes_max;
        if self.bodies_bytes + more <= bytes_max {
            self.bodies_bytes += more;
            seat.bytes.fetch_add(more, Ordering::Relaxed);
            return true;
        }
        let gives_up = |seat: &&Arc<Seat>| seat.is_asked(asked::BYTES);
        let promised: usize =
            self.seats.values().filter(gives_up).map(|seat| seat.bytes.load(Ordering::Relaxed)).sum();
        let mut lacking = (self.bodies_bytes + more).saturating_sub(bytes_max + promised);
        while lacking > 0 {
            let coming = |seat: &&Arc<Seat>| {
                seat.phase() == Phase::Body && seat.holds_bytes() && !seat.is_asked(asked::BYTES)
            };
            let Some(oldest) = self.seats.values().filter(coming).min_by_key(|seat| seat.since()) else {
                break;
            };
            oldest.ask(asked::BYTES);
            lacking = lacking.saturating_sub(oldest.bytes.load(Ordering::Relaxed));
        }
        false
    }

    pub(super) fn release(&mut self, seat: &Seat) {
        self.bodies_bytes -= seat.bytes.swap(0, Ordering::Relaxed);
        seat.excuse(asked::BYTES);
    }

    pub(super) fn ask_all(&self, what: u8) {
        self.seats.values().for_each(|seat| seat.ask(what));
    }

    pub(super) fn count(&self) -> usize {
        self.seats.len()
    }
}

/// How the connections stand to a new one.
#[derive(Default)]
struct Survey<'a> {
    /// Were asked to make room.
    leaving: usize,
    /// Of the others, those of its address.
    near: Group<'a>,
    /// The others.
    all: Group<'a>,
}

#[derive(Default)]
struct Group<'a> {
    count: usize,
    /// The one that has kept its request back longest.
    oldest: Option<&'a Seat>,
}

impl<'a> Group<'a> {
    fn add(&mut self, seat: &'a Seat) {
        self.count += 1;
        if seat.phase() != Phase::Answering && self.oldest.is_none_or(|oldest| seat.since() < oldest.since())
        {
            self.oldest = Some(seat);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends there, as it should")]
mod tests {
    use super::{
        Phase::{Answering, Body, Coming, Idle, Refused},
        *,
    };

    fn registry(connections_max: usize, connections_per_address_max: usize) -> Registry {
        Registry::new(Bounds { connections_max, connections_per_address_max, bodies_bytes_max: 100 })
    }

    fn address(text: &str) -> Address {
        Address::of(text.parse().unwrap())
    }

    #[test]
    fn addresses_that_count_as_one() {
        let check = |a, b, same| assert_eq!(address(a) == address(b), same, "{a} {b}");
        check("192.0.2.1", "192.0.2.1", true);
        check("192.0.2.1", "192.0.2.2", false);
        check("::ffff:192.0.2.1", "192.0.2.1", true);
        check("::ffff:192.0.2.1", "::ffff:192.0.2.2", false);
        check("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true);
        check("2001:db8:1:2::1", "2001:db8:1:3::1", false);
    }

    /// Connections as `phase since address`; which of them a new one from `a` has cut, and whether it was let in.
    #[test]
    fn who_makes_room() {
        let check = |seats: &[(Phase, u64, &str)], expected: &[usize], admitted: bool| {
            let mut registry = registry(4, 3);
            let of = |name: &str| address(if name == "a" { "192.0.2.1" } else { "192.0.2.2" });
            let seated: Vec<_> = seats
                .iter()
                .map(|(phase, since, name)| {
                    let (_, seat) = registry.admit(of(name), *since).unwrap();
                    seat.set_phase(Phase::Answering);
                    (*phase, seat)
                })
                .collect();
            for (phase, seat) in &seated {
                seat.set_phase(*phase);
            }
            assert_eq!(registry.admit(of("a"), 100).is_some(), admitted, "{seats:?}");
            let cut = (0..).zip(&seated).filter(|(_, (_, seat))| seat.is_asked(asked::ROOM)).map(|(i, _)| i);
            assert_eq!(cut.collect::<Vec<usize>>(), expected, "{seats:?}");
        };
        check(&[(Coming, 1, "a"), (Body, 2, "a"), (Idle, 3, "b")], &[], true);
        // The address has its share: one of its own goes.
        check(&[(Idle, 1, "b"), (Coming, 3, "a"), (Body, 2, "a"), (Idle, 4, "a")], &[2], true);
        check(&[(Answering, 1, "a"), (Coming, 3, "a"), (Answering, 2, "a")], &[1], true);
        // All of it is answered: it is let in as long as there is room.
        check(&[(Answering, 1, "a"), (Answering, 3, "a"), (Answering, 2, "a")], &[], true);
        check(&[(Answering, 1, "a"), (Answering, 3, "a"), (Answering, 2, "a"), (Idle, 9, "b")], &[3], true);
        check(&[(Refused, 5, "b"), (Body, 4, "b"), (Answering, 1, "b"), (Idle, 6, "a")], &[1], true);
        check(
            &[(Answering, 5, "b"), (Answering, 4, "b"), (Answering, 1, "b"), (Answering, 6, "a")],
            &[],
            false,
        );
    }

    #[test]
    fn who_has_most_makes_room_for_all() {
        let check = |seats: &[(u64, u8)], expected: usize| {
            let mut registry = registry(seats.len(), seats.len());
            let of = |host: u8| Address::of(std::net::Ipv4Addr::new(192, 0, 2, host).into());
            let seated: Vec<_> =
                seats.iter().map(|(since, host)| registry.admit(of(*host), *since).unwrap().1).collect();
            assert!(registry.admit(of(9), 100).is_some());
            assert_eq!(
                seated.iter().position(|seat| seat.is_asked(asked::ROOM)),
                Some(expected),
                "{seats:?}"
            );
        };
        check(&[(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)], 1);
        check(&[(1, 1), (3, 2), (2, 2), (4, 3)], 2);
        // Each has one: the oldest.
        check(&[(2, 1), (1, 2), (3, 3)], 1);
    }

    #[test]
    fn there_are_never_more_than_the_maximum_and_those_on_their_way_out() {
        let mut registry = registry(10, 10);
        let mut let_in = 0;
        while registry.admit(address("192.0.2.1"), let_in).is_some() {
            let_in += 1;
        }
        assert_eq!((let_in, registry.count()), (10 + CUTTING_MAX as u64, 10 + CUTTING_MAX));
        registry.leave(0);
        assert!(registry.admit(address("192.0.2.1"), let_in).is_some());
        // One whose request was complete after all stays: two others go.
        let stayed = Arc::clone(registry.seats.values().next().unwrap());
        stayed.set_phase(Phase::Answering);
        stayed.excuse(asked::ROOM);
        registry.leave(2);
        let staying = |registry: &Registry| registry.survey(address("192.0.2.1")).all.count;
        let before = staying(&registry);
        assert!(registry.admit(address("192.0.2.1"), let_in).is_some());
        assert_eq!((before, staying(&registry)), (11, 10));
    }

    #[test]
    fn bodies_share_what_there_is() {
        let mut registry = registry(10, 10);
        let mut seat = |since| {
            let (number, seat) = registry.admit(address("192.0.2.1"), since).unwrap();
            seat.set_phase(Phase::Body);
            (number, seat)
        };
        let ((a, first), (_, second), (_, third)) = (seat(1), seat(2), seat(3));
        assert!(registry.reserve(&first, 40) && registry.reserve(&second, 60));
        assert!(!registry.reserve(&third, 30));
        let gives_up = |seat: &Seat| seat.is_asked(asked::BYTES);
        assert!(gives_up(&first) && !gives_up(&second) && !gives_up(&third));
        // What was promised is not asked for twice.
        assert!(!registry.reserve(&third, 30));
        assert!(!gives_up(&second));
        registry.leave(a);
        assert!(registry.reserve(&third, 30));
        // A whole body is not given up, whatever its age.
        second.set_phase(Phase::Answering);
        assert!(!registry.reserve(&third, 20));
        assert!(!gives_up(&second) && gives_up(&third));
        registry.release(&third);
        assert!(!gives_up(&third) && registry.reserve(&third, 40) && registry.bodies_bytes == 100);
    }
}
