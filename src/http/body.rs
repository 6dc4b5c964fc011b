//! A request's body, read within its limits of size and time. Never holds more than the limit, and never takes
//! a client's word for how much memory to set aside.

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll, time::Duration};

use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming};
use tokio::time::timeout;

use crate::http::{HttpLimits, connections::Place};

/// Set aside for a body of several pieces before more of it is there.
const FIRST_BYTES: usize = 16 * 1024;

/// The body of a request that is not read yet.
#[derive(Debug)]
pub struct Body {
    incoming: Incoming,
    bytes_max: u64,
    time_max: Duration,
    /// Learns when the body was read to its end; before that, the connection cannot be used again.
    place: Arc<Place>,
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
    /// Others need its bytes, or its connection, and it has been coming longest.
    #[error("too many requests at once, of which this one came slowest")]
    Crowded,
}

impl Body {
    pub(super) fn new(incoming: Incoming, limits: HttpLimits, place: Arc<Place>) -> Self {
        Self { incoming, bytes_max: limits.body_bytes_max, time_max: limits.body_time, place }
    }

    /// The whole body. One that announces too much is refused before any of it is read.
    pub async fn read(mut self) -> Result<Bytes, BodyError> {
        if self.incoming.size_hint().lower() > self.bytes_max {
            return Err(BodyError::TooLarge(self.bytes_max));
        }
        let time_max = self.time_max;
        let read = timeout(time_max, self.collect()).await.unwrap_or(Err(BodyError::TooSlow(time_max)));
        if read == Err(BodyError::Crowded) {
            self.place.has_given_up();
        }
        read
    }

    async fn collect(&mut self) -> Result<Bytes, BodyError> {
        let bytes_max = usize::try_from(self.bytes_max).unwrap_or(usize::MAX);
        let mut whole = Vec::new();
        while let Some(frame) = self.frame().await? {
            // The other kind of frame, trailers, means nothing here.
            let Ok(piece) = frame.into_data() else { continue };
            if piece.len() > bytes_max.saturating_sub(whole.len()) {
                return Err(BodyError::TooLarge(self.bytes_max));
            }
            if whole.is_empty() && self.incoming.is_end_stream() {
                // It lies in the connection's own buffer.
                self.place.has_body();
                return Ok(piece);
            }
            let room = room_for(&whole, piece.len(), bytes_max);
            if room > whole.capacity() {
                if !self.place.reserve(room - whole.capacity()).await {
                    return Err(BodyError::Crowded);
                }
                whole.reserve_exact(room - whole.len());
            }
            whole.extend_from_slice(&piece);
        }
        self.place.has_body();
        Ok(whole.into())
    }

    /// The next piece, unless the body must be given up while nothing of it comes.
    async fn frame(&mut self) -> Result<Option<Frame<Bytes>>, BodyError> {
        poll_fn(|cx| match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Pending if self.place.must_give_up() => Poll::Ready(Err(BodyError::Crowded)),
            frame => frame.map(|frame| frame.transpose().map_err(|_| BodyError::Broken)),
        })
        .await
    }
}

/// Bytes to hold from now on: doubled, as `Vec` does by itself, but never beyond the limit.
fn room_for(whole: &Vec<u8>, more: usize, bytes_max: usize) -> usize {
    let needed = whole.len() + more;
    if needed <= whole.capacity() {
        return whole.capacity();
    }
    (whole.capacity() * 2).max(FIRST_BYTES).min(bytes_max).max(needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_stays_within_the_limit() {
        let mut whole = Vec::new();
        for _ in 0..1000 {
            let room = room_for(&whole, 70, 70_000);
            whole.reserve_exact(room - whole.len());
            assert_eq!(whole.capacity(), room);
            whole.extend_from_slice(&[0; 70]);
            assert!(whole.capacity() <= 70_000, "{}", whole.capacity());
        }
    }
}
