//! Owns connect strings: from what a client writes to hosts, ports and a service. It must never connect.

pub(crate) mod descriptor;
