//! Views to text.

pub mod task;
pub mod text;
