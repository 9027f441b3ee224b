//! The engine, put to the test by whole runs.

mod ahead;
mod dispatching;
mod ending;
mod landing;
mod stopping;
mod watching;
