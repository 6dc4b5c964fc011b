//! The queue, the worker and an embedded HIS within the test's own process, under a clock that the test moves: thousands of
//! operations in seconds, a year in minutes.

mod acts;
mod house;
mod model;
mod play;
mod year;
