//! What every implementation of a trait does.

pub mod tracker;
