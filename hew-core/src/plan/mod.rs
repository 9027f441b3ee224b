//! What runs, and why. A [`SpawnPlan`] is frozen before anything is spawned; it is the only maker of an agent's argv.

pub mod provenance;
pub mod runtime;
pub mod spawn_plan;

pub use provenance::Provenance;
pub use spawn_plan::{AgentStdin, SpawnFiles, SpawnLimits, SpawnPlan};
