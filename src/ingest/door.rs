//! The door: what the headers of a request show of its sender, for [`crate::auth`] to judge, and the rate of requests.
//! Never decides by itself, and never reads a body.

use std::{
    hash::RandomState,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, FORWARDED, HeaderName, HeaderValue, ORIGIN},
};

use crate::{
    auth::{self, Admitted, Gate, Line, Rates, Shown},
    config,
    http::reply::Problem,
    ingest::problems::{door_problem, too_fast},
};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const BUKTOR_SIGNATURE: HeaderName = HeaderName::from_static(auth::BUKTOR_SIGNATURE);
const WEBHOOK_ID: HeaderName = HeaderName::from_static(auth::WEBHOOK_ID);
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static(auth::WEBHOOK_TIMESTAMP);
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static(auth::WEBHOOK_SIGNATURE);

/// Who may send, and how fast.
#[derive(Debug)]
pub struct Door {
    gate: Gate,
    rates: Mutex<Rates>,
}

impl Door {
    /// As configured; `requests_per_second_max` is each address's.
    #[must_use]
    pub fn new(auth: &config::Auth, requests_per_second_max: u32) -> Self {
        let rates = Rates::new(requests_per_second_max, RandomState::new());
        Self { gate: Gate::new(auth), rates: Mutex::new(rates) }
    }

    /// Where the request comes from: `peer`, or whom that speaks for.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Result<IpAddr, Problem> {
        let lines = headers.get_all(X_FORWARDED_FOR).iter().map(HeaderValue::as_bytes);
        self.gate.client(peer, lines).map_err(door_problem)
    }

    /// All that is judged before the body is read.
    pub(super) fn admit<'a>(
        &'a self,
        client: IpAddr,
        headers: &'a HeaderMap,
        now: Instant,
    ) -> Result<Admitted<'a>, Problem> {
        self.gate.allow(client).map_err(door_problem)?;
        let has_room = self.rates.lock().unwrap_or_else(PoisonError::into_inner).take(client, now);
        if !has_room {
            return Err(too_fast());
        }
        self.gate.admit(&shown(headers)).map_err(door_problem)
    }
}

fn shown(headers: &HeaderMap) -> Shown<'_> {
    let line = |name| Line::of(headers.get_all(name).iter().map(HeaderValue::as_bytes));
    Shown {
        authorization: line(AUTHORIZATION),
        buktor_signature: line(BUKTOR_SIGNATURE),
        webhook_id: line(WEBHOOK_ID),
        webhook_timestamp: line(WEBHOOK_TIMESTAMP),
        webhook_signature: line(WEBHOOK_SIGNATURE),
        is_forwarded: [FORWARDED, X_FORWARDED_FOR, X_REAL_IP].iter().any(|name| headers.contains_key(name)),
        has_origin: headers.contains_key(ORIGIN),
    }
}
