//! The driver of SqlServer: being built.

use crate::{
    config::{Database, SqlServer as Place},
    his::{HisError, Session},
    model::outcome::FaultClass,
};

pub(super) struct SqlServer;

impl SqlServer {
    pub(super) async fn connect(_: &Database, _: &Place) -> Result<Box<dyn Session>, HisError> {
        Err(HisError::plain(FaultClass::Login, "not-built", "being built"))
    }
}
