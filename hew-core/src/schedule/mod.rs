//! Which task next, and whether there is room for it.

pub mod backoff;
pub mod budget;
pub mod cost;
pub mod dispatcher;
pub mod spending;
