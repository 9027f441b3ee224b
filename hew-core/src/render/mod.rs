//! Views to text.

pub mod text;
