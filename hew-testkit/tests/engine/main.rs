//! The engine, put to the test by whole runs.

mod ahead;
mod budgets;
mod dispatching;
mod ending;
mod helping;
mod landing;
mod merging;
mod planning;
mod resuming;
mod runtimes;
mod stopping;
mod verifying;
mod watching;
