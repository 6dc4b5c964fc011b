//! The durable queue: one `SQLite` file, one owner thread, many requests a commit. An answer comes only after
//! the commit that holds it. Knows no mapping and no HIS.

/// CONTRACT (bodies in helper's hands)
pub struct Queue;
