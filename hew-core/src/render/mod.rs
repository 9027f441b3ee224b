//! Views to text.

pub mod task;
pub mod narrate;
pub mod text;
