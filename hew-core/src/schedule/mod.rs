//! Which task next, and whether there is room for it.

pub mod backoff;
pub mod batch_plan;
pub mod budget;
pub mod cost;
pub mod dispatcher;
pub mod spending;
