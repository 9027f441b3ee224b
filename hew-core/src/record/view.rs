//! Being built.
pub struct RunView;
