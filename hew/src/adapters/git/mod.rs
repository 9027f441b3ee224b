//! Git, run as a program.

pub(crate) mod run;
