//! Views to text.

pub mod narrate;
pub mod task;
pub mod text;
