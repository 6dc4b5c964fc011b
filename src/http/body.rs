//! A request's body, read within its limits of size and time. Never holds more than the limit, and never takes
//! a client's word for how much memory to set aside.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

use crate::http::HttpLimits;

/// Set aside for a body of several pieces before more of it is there.
const FIRST_BYTES: usize = 16 * 1024;

/// The body of a request that is not read yet.
#[derive(Debug)]
pub struct Body {
    incoming: Incoming,
    bytes_max: u64,
    time_max: Duration,
    /// Cleared once the body was read to its end; otherwise the connection cannot be used again.
    unread: Arc<AtomicBool>,
}

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It has, or says that it has, more bytes than this.
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
    /// It did not end within this time.
    #[error("the body did not arrive within {} seconds", .0.as_secs_f32())]
    TooSlow(Duration),
    /// The connection ended inside it, or its chunks are malformed.
    #[error("the body broke off, or its chunks are malformed")]
    Broken,
}

impl Body {
    pub(super) fn new(incoming: Incoming, limits: HttpLimits, unread: Arc<AtomicBool>) -> Self {
        Self { incoming, bytes_max: limits.body_bytes_max, time_max: limits.body_time, unread }
    }

    /// The whole body. One that announces too much is refused before any of it is read.
    pub async fn read(mut self) -> Result<Bytes, BodyError> {
        if self.incoming.size_hint().lower() > self.bytes_max {
            return Err(BodyError::TooLarge(self.bytes_max));
        }
        let time_max = self.time_max;
        timeout(time_max, self.collect()).await.unwrap_or(Err(BodyError::TooSlow(time_max)))
    }

    async fn collect(&mut self) -> Result<Bytes, BodyError> {
        let bytes_max = usize::try_from(self.bytes_max).unwrap_or(usize::MAX);
        let mut whole = Vec::new();
        while let Some(frame) = self.incoming.frame().await {
            // The other kind of frame, trailers, means nothing here.
            let Ok(piece) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
            if piece.len() > bytes_max.saturating_sub(whole.len()) {
                return Err(BodyError::TooLarge(self.bytes_max));
            }
            if whole.is_empty() && self.incoming.is_end_stream() {
                self.unread.store(false, Ordering::Relaxed);
                return Ok(piece);
            }
            make_room(&mut whole, piece.len(), bytes_max);
            whole.extend_from_slice(&piece);
        }
        self.unread.store(false, Ordering::Relaxed);
        Ok(whole.into())
    }
}

/// Doubles, as `Vec` does by itself, but never beyond the limit.
fn make_room(whole: &mut Vec<u8>, more: usize, bytes_max: usize) {
    if whole.capacity() - whole.len() < more {
        let needed = whole.len() + more;
        let wanted = (whole.capacity() * 2).max(FIRST_BYTES).min(bytes_max).max(needed);
        whole.reserve_exact(wanted - whole.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_stays_within_the_limit() {
        let mut whole = Vec::new();
        for _ in 0..1000 {
            make_room(&mut whole, 70, 70_000);
            whole.extend_from_slice(&[0; 70]);
            assert!(whole.capacity() <= 70_000, "{}", whole.capacity());
        }
    }
}
