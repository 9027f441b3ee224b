//! A run as one state machine: `step(&mut State, Event, now) -> Vec<Effect>`.
//!
//! Invariants: it never blocks and never fails, what goes wrong is an event or a recorded problem; effects are performed
//! in their order, so a `Record` before a job is on disk before the job begins; a task is claimed by one worker at a
//! time, and every claim ends closed, released or left to whoever took it; nothing starts after a stop; the run branch
//! moves only from the tip that the lane knows.
//!
//! | file | holds |
//! | --- | --- |
//! | `config` | what is frozen at launch |
//! | `event`, `effect` | what comes in, what goes out |
//! | `progress` | what is under way: attempts, workers, results, answers of the tracker |
//! | `state` | the run as a whole |
//! | `step` | one event to its handler |
//! | `dispatch` | ready tasks to free workers |
//! | `ahead` | worktrees made before their tasks are ready |
//! | `iteration` | one attempt from its claim to the end of its agent |
//! | `failing`, `retry` | a runtime's failure: at rest, out, tried again |
//! | `runtimes` | which runtimes rest, are out, are tried again |
//! | `spent` | what agents tell of their tokens |
//! | `collected` | its work: to the lane, or to the end |
//! | `stack` | `--merge end`: green work that waits on its worker's branch |
//! | `merging` | `--merge end`: workers' branches, at the end of the run |
//! | `planning` | what is next, and what that means for the dispatcher |
//! | `planner` | the call that asks what is next |
//! | `helping` | what a model server is asked beside an iteration |
//! | `baseline` | the gate on the launch commit |
//! | `lane_queue` | finished work, first come first, to the lane |
//! | `lane` | candidate, gate, advance, close |
//! | `settle` | what the tracker is told, and the end of an iteration |
//! | `resumed`, `pickup` | the state of a run that is gone on with after a crash, and what becomes of its open iterations |
//! | `verifying` | all tests on the result, before it is delivered |
//! | `stopping`, `ending` | budgets and requests; delivery, clean-up, exit code |

mod ahead;
mod baseline;
mod collected;
pub mod config;
mod dispatch;
pub mod effect;
mod ending;
mod escaped;
pub mod event;
mod failing;
mod helping;
mod iteration;
mod lane;
mod lane_queue;
mod merging;
mod pickup;
mod planner;
mod planning;
mod progress;
mod resumed;
mod retry;
mod runtimes;
mod settle;
mod spent;
mod stack;
pub mod state;
mod step;
mod stopping;
mod unanswered;
mod verifying;

pub use crate::land::verify::VerifyNote;
pub use config::{GatePlan, RunConfig, RunLimits, VerifyPlan};
pub use effect::{BranchPart, Effect, HelperJob, LaneJob, PlannerJob, SettleJob, WorkPlace, WorkerJob};
pub use event::Event;
pub use state::State;
pub use step::step;
