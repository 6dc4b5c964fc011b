//! The driver of Oracle: being built.

use crate::{
    config::{Database, Oracle as Place},
    his::{HisError, Session},
    model::outcome::FaultClass,
};

pub(super) struct Oracle;

impl Oracle {
    pub(super) async fn connect(_: &Database, _: &Place) -> Result<Box<dyn Session>, HisError> {
        Err(HisError::plain(FaultClass::Login, "not-built", "being built"))
    }
}
