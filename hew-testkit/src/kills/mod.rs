//! Runs that are killed and resumed: a project whose end does not depend on chance, kills at named places and at any
//! moment, and what has to hold afterwards.
//!
//! A [`Scene`] is run once undisturbed and then once for each kill, each time in a project of its own. What came of it,
//! as an [`Outcome`], is to be the same; and everything that holds for every run (see `run_check`) holds for one that was
//! killed, with nothing landed twice and nothing of the user's touched.

mod chance;
mod killing;
mod outcome;
mod scene;
mod scenes;

pub use chance::{Chance, random_kills, random_scene};
pub use killing::{Kill, Ride, ride};
pub use outcome::{Outcome, differences};
pub use scene::{Scene, TaskSpec};
pub use scenes::{branches_that_do_not_land, every_end, work_that_stays_behind};
