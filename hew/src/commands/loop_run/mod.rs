//! `hew loop run`: settle what is wanted, check everything, then launch and drive.
//!
//! | file | holds |
//! | --- | --- |
//! | `flags` | flags as settings |
//! | `scope` | which slice of the queue, asked for on a terminal |
//! | `preflight` | everything that is checked before anything starts, all problems at once |
//! | `earlier` | runs of this project that are undelivered or crashed |
//! | `crashed` | what a crashed run still holds, and where its work lies |
//! | `old_refs` | refs of earlier runs that the target has made needless |
//! | `launch` | lock, run branch, run folder |
//! | `after_crash` | what is done where such a run is found |
//! | `resume` | going on with a run whose process is gone |
//! | `revive` | what that run works with and knows, from its journal, git and the tracker |
//! | `matching` | whether a run that crashed is what is asked for now |
//! | `conduct` | the drive, and the end |
//! | `frozen` | what is frozen at launch |
//! | `narration` | what is told while the run goes |
//! | `look_ahead` | what would run for one task |
//! | `dry_run` | what would run for all that are ready |

mod after_crash;
mod conduct;
mod crashed;
pub(super) mod cut_off;
mod dry_run;
mod earlier;
mod flags;
mod frozen;
mod launch;
mod look_ahead;
mod matching;
mod narration;
mod old_refs;
mod preflight;
mod resume;
mod revive;
mod scope;

pub(super) use dry_run::DryRun;
pub(super) use earlier::undelivered_everywhere;
pub(crate) use look_ahead::LookAhead;
use preflight::launch_target;
pub(crate) use preflight::{find_gate, missing_program, room};
pub(super) use resume::{NotResumed, run as resume};

use super::context::Context;
use super::trust;
use crate::cli::loop_args::RunArgs;
use crate::failure::{Failure, code};
use crate::ui::Ui;

/// Runs in the project of the current folder.
pub fn run(args: &RunArgs, ui: &Ui) -> Result<u8, Failure> {
    let context = Context::open_with(&flags::as_settings(args))?;
    // A dry run starts nothing.
    if !args.dry_run {
        trust::require(&context, ui)?;
    }
    run_in(&context, args, ui)
}

/// Runs in a project whose settings hold the flags already.
pub fn run_in(context: &Context, args: &RunArgs, ui: &Ui) -> Result<u8, Failure> {
    if args.dry_run {
        return look(context, args, ui);
    }
    let tracker = context.open_tracker_in_use().map_err(before_the_start)?;
    let scope = scope::settle(args, &*tracker.tasks, ui)?;
    if let after_crash::Course::Resume(run) = after_crash::settle(context, args, &scope, ui)? {
        // It has a tracker of its own, as it was launched with.
        drop(tracker);
        return resume::go_on(context, &run, ui);
    }
    let checked = preflight::check(context, args, &*tracker.tasks, scope)?;
    launch::launch(context, args, &tracker, &checked, ui)
}

/// `--dry-run`: everything but the launch.
fn look(context: &Context, args: &RunArgs, ui: &Ui) -> Result<u8, Failure> {
    let tracker = context.open_tracker_to_look().map_err(before_the_start)?;
    let scope = scope::settle(args, &*tracker.tasks, ui)?;
    let checked = preflight::check(context, args, &*tracker.tasks, scope)?;
    dry_run::show(context, &tracker, &checked, args, ui)
}

/// A tracker that can't be opened is project state, found before anything was started.
fn before_the_start(failure: Failure) -> Failure {
    Failure { code: code::USAGE, ..failure }
}
