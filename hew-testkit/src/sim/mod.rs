//! Whole runs by chance: the engine and the core's own adapters' logic on git, tracker and agents in memory, under a virtual
//! clock, with every kind of trouble and with ends of the process at any step; judged after each step from outside.
//!
//! `cargo run --release -p hew-testkit --bin sim -- --seeds 0..1000` plays a range; a failing seed says how it is played
//! again. One seed is always the same run.
//!
//! | file | holds |
//! | --- | --- |
//! | `chance`, `clock` | chance that can be had again, virtual time |
//! | `trouble` | kinds of trouble; the fate of single calls |
//! | `case`, `script` | what there is in a case: tasks, limits, how agents go |
//! | `git`, `tracker` | the fakes, watched and troubled |
//! | `world` | who does what next |
//! | `process`, `hand`, `threads` | a process and its threads, as queues in virtual time |
//! | `worker`, `seat`, `lane`, `branches`, `desk` | the jobs of the threads, as the binary does them |
//! | `agent` | agents that follow their scripts |
//! | `helpers` | a model server that is asked on the side |
//! | `people` | what people do meanwhile |
//! | `crash` | ends of the process, and another that goes on |
//! | `project` | what agents write, and what is red |
//! | `rules` | what holds, whatever happens |
//! | `story`, `tally`, `header` | what happened: to be read, to be counted; the journal's first line |
//! | `shrink` | a smaller case that breaks the same rule |
//! | `deliberate` | faults that are put into hew on purpose, to be found |

mod agent;
mod branches;
mod case;
mod chance;
mod clock;
mod crash;
pub mod deliberate;
mod desk;
mod git;
mod hand;
mod header;
mod helpers;
mod lane;
mod people;
mod process;
mod project;
mod rules;
mod script;
mod seat;
mod shrink;
mod story;
mod tally;
mod threads;
mod tracker;
mod trouble;
mod worker;
mod world;

pub use case::Case;
pub use shrink::shrink;
pub use tally::Tally;
pub use trouble::Trouble;

use std::panic::{AssertUnwindSafe, catch_unwind};

use self::story::Story;
use self::world::World;

/// What came of a case.
#[derive(Debug, Clone)]
pub struct Played {
    /// The rule that was broken, and how; none where all held.
    pub broken: Option<String>,
    /// Steps that were taken.
    pub steps: u64,
    /// What happened.
    pub tally: Tally,
    /// Line by line, if that was asked for.
    pub story: String,
}

impl Played {
    /// The name of the rule that was broken.
    pub fn rule(&self) -> Option<&str> {
        self.broken.as_deref().map(|broken| broken.split(':').next().unwrap_or(broken))
    }
}

/// Plays a case to its end.
pub fn play(case: &Case) -> Played {
    tell(case, Story::default())
}

/// Plays a case, and keeps what happened line by line.
pub fn replay(case: &Case) -> Played {
    tell(case, Story::told())
}

fn tell(case: &Case, story: Story) -> Played {
    let mut world = World::new(case, story);
    // A panic of the engine is a broken rule like any other.
    let broken = match catch_unwind(AssertUnwindSafe(|| world.play())) {
        Ok(Ok(())) => None,
        Ok(Err(broken)) => Some(broken),
        Err(panic) => Some(format!("panic: {}", words_of(panic.as_ref()))),
    };
    Played { broken, steps: world.steps, tally: world.tally, story: world.story.text() }
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word").to_owned()
}
