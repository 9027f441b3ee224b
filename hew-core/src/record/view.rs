//! Being built.
/// x
pub struct RunView;
