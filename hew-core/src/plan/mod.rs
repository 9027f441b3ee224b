//! What runs, and why. A [`SpawnPlan`] is frozen before anything is spawned; it is the only maker of an agent's argv.
//!
//! | module | decides |
//! | --- | --- |
//! | [`runtime`], [`health`] | which runtime, knowing how each fares |
//! | [`model`], [`Suggestion`] | which model, and the runtime's own name for it |
//! | [`argv`], [`mod@env`], `family` | program and arguments, environment, manners |
//! | `sandbox`, `network` | what it may write, and reach |
//! | `limits` | time and money, narrowed by the task |
//! | [`local`] | what the runtime `local` is told of its model server |
//! | [`spawn_plan`], [`provenance`], [`mod@line`] | the whole, and where each part came from |

pub mod argv;
pub mod env;
mod family;
pub mod health;
pub mod host;
pub mod limits;
pub mod line;
pub mod local;
pub mod model;
mod network;
pub mod priced;
pub mod provenance;
pub mod runtime;
mod sandbox;
mod sign_in;
pub mod spawn_plan;
mod suggestion;

pub use family::{PoliteSignal, how_to_find_program, how_to_sign_in};
pub use health::{Rest, RuntimeHealth};
pub use host::Host;
pub use line::{choices, provenance_line};
pub use model::is_same_model;
pub use network::Network;
pub use provenance::Provenance;
pub use runtime::{RuntimeChoice, RuntimeProblem};
pub use sandbox::{Sandbox, command_sandbox};
pub use sign_in::{SignIn, sign_in};
pub use spawn_plan::{
    AgentStdin, Purpose, ResumedSession, Seat, SpawnFiles, SpawnLimits, SpawnPlan, SpawnRequest,
    git_events_file, outcome_file, plan_spawn, prompt_file,
};
pub use suggestion::Suggestion;
