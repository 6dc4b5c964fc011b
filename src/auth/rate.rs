//! How many requests each address may make: a bucket of them for each address, in a table of fixed size. Time and randomness
//! are arguments.

use std::{
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    time::{Duration, Instant},
};

use crate::limits;

/// Addresses that share a place in the table; of these the one with the fewest requests behind it is forgotten for a new one.
const WAYS: usize = 8;
const _: () = assert!(limits::RATE_ADDRESSES_MAX.is_multiple_of(WAYS), "the table is full of whole places");

/// What every address has left.
///
/// Where the table is full, a new address takes the place of the one, among eight that chance put together, which has used
/// least of its bucket. So a stranger with any number of addresses cannot lock out others, whose first request always has
/// room, and cannot empty the memory of an address that sends a lot: for that eight others would have to send as much.
#[derive(Debug)]
pub struct Rates {
    interval: Duration,
    hasher: RandomState,
    slots: Vec<Option<Slot>>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    network: Network,
    /// When its bucket is full again; each request moves it by an interval.
    full_at: Instant,
}

/// What counts as one sender: an address, and of IPv6 what one customer gets at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Network {
    V4([u8; 4]),
    V6([u16; 4]),
}

impl Network {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

impl Rates {
    /// `per_second_max` for each address, on average over [`limits::REQUEST_BURST`]. `hasher` is random, so that nobody
    /// can choose addresses that share a place.
    #[must_use]
    pub fn new(per_second_max: u32, hasher: RandomState) -> Self {
        let interval = Duration::from_secs(1) / per_second_max.max(1);
        Self { interval, hasher, slots: vec![None; limits::RATE_ADDRESSES_MAX] }
    }

    /// Takes one request out of an address's bucket. False where it is empty; after a second there is room again, since a
    /// bucket gets one request a second at least.
    pub fn take(&mut self, address: IpAddr, now: Instant) -> bool {
        let (network, interval) = (Network::of(address), self.interval);
        let place = self.place(network);
        let known = place.filter(|slot| slot.network == network);
        let full_at = known.map_or(now, |slot| slot.full_at.max(now)) + interval;
        if full_at.duration_since(now) > limits::REQUEST_BURST {
            return false;
        }
        *place = Some(Slot { network, full_at });
        true
    }

    /// Where a network stands, or where it may stand.
    fn place(&mut self, network: Network) -> &mut Option<Slot> {
        let sets = (limits::RATE_ADDRESSES_MAX / WAYS) as u64;
        let set = usize::try_from(self.hasher.hash_one(network) % sets).unwrap_or(0);
        let ways = self.slots.chunks_exact_mut(WAYS).nth(set).unwrap_or_default();
        // The network itself first, then a place that is free, then the one whose bucket is fullest.
        ways.iter_mut()
            .min_by_key(|slot| match slot {
                Some(slot) if slot.network == network => (0, None),
                Some(slot) => (1, Some(slot.full_at)),
                None => (1, None),
            })
            .expect("a set has eight places, and a remainder is below the number of sets")
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const BURST: u64 = limits::REQUEST_BURST.as_secs();

    /// How many of so many requests at one instant are let through.
    fn passed(rates: &mut Rates, address: IpAddr, now: Instant, requests: u64) -> u64 {
        (0..requests).map(|_| u64::from(rates.take(address, now))).sum()
    }

    #[test]
    fn a_bucket_empties_and_fills() {
        let (mut rates, start) = (Rates::new(5, RandomState::new()), Instant::now());
        let one: IpAddr = Ipv4Addr::new(192, 0, 2, 1).into();
        let other: IpAddr = Ipv4Addr::new(192, 0, 2, 2).into();
        let mapped: IpAddr = Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().into();
        let at = |s: u64| start + Duration::from_secs(s);
        assert_eq!(passed(&mut rates, one, at(0), 100), 5 * BURST);
        assert_eq!(passed(&mut rates, mapped, at(0), 100), 0);
        assert_eq!(passed(&mut rates, other, at(0), 100), 5 * BURST);
        assert_eq!(passed(&mut rates, one, at(1), 100), 5);
        assert_eq!(passed(&mut rates, one, at(3), 100), 10);
        assert_eq!(passed(&mut rates, one, at(3 + BURST), 100), 5 * BURST);
        assert_eq!(passed(&mut rates, one, at(1000), 100), 5 * BURST);
        // An earlier instant is none that a clock could give; it is refused, and no panic.
        assert_eq!(passed(&mut rates, one, at(0), 1), 0);
    }

    #[test]
    fn ipv6_counts_by_64_bits() {
        let (mut rates, now) = (Rates::new(1, RandomState::new()), Instant::now());
        let address = |net: u16, host: u16| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, net, 0, 0, 0, host));
        assert_eq!(passed(&mut rates, address(1, 1), now, 100), BURST);
        assert_eq!(passed(&mut rates, address(1, 2), now, 1), 0);
        assert_eq!(passed(&mut rates, address(2, 1), now, 1), 1);
    }

    #[test]
    fn a_flood_of_addresses_neither_locks_out_nor_frees() {
        let (mut rates, now) = (Rates::new(1, RandomState::new()), Instant::now());
        let heavy: IpAddr = Ipv4Addr::new(192, 0, 2, 1).into();
        assert_eq!(passed(&mut rates, heavy, now, 100), BURST);
        let flood = u32::try_from(limits::RATE_ADDRESSES_MAX * 4).unwrap();
        for number in 0..flood {
            let stranger = IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 + number));
            assert!(rates.take(stranger, now), "{stranger} had sent nothing before");
        }
        assert_eq!(rates.slots.len(), limits::RATE_ADDRESSES_MAX);
        assert_eq!(passed(&mut rates, heavy, now, 1), 0, "forgotten for addresses that sent less");
        let honest: IpAddr = Ipv4Addr::new(198, 51, 100, 7).into();
        assert_eq!(passed(&mut rates, honest, now, 1), 1);
    }
}
