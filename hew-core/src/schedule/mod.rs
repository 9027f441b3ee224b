//! Which task next, and whether there is room for it.

pub mod budget;
pub mod dispatcher;
