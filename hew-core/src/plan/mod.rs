//! What runs, and why. A [`SpawnPlan`] is frozen before anything is spawned; it is the only maker of an agent's argv.

pub mod env;
pub mod health;
pub mod provenance;
pub mod runtime;
pub mod spawn_plan;

pub use health::{Rest, RuntimeHealth};
pub use provenance::Provenance;
pub use runtime::{RuntimeChoice, RuntimeProblem};
pub use spawn_plan::{
    AgentStdin, ResumedSession, Seat, SpawnFiles, SpawnLimits, SpawnPlan, SpawnRequest, outcome_file,
    plan_spawn, prompt_file, provenance_line,
};
