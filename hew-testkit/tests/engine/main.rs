//! The engine, put to the test by whole runs.

mod budgets;
mod dispatching;
mod ending;
mod landing;
mod runtimes;
mod stopping;
mod watching;
