//! Which task next, and whether there is room for it.

pub mod backoff;
pub mod batch_plan;
pub mod batch_plan_parse;
pub mod budget;
pub mod cost;
pub mod dispatcher;
pub mod spending;
