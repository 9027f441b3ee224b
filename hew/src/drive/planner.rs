//! The planner's thread: what it is to be asked, then the call itself.
//!
//! Invariants: it runs in an empty folder of its own that goes with the run's worktrees; nothing of the repository, of the
//! tracker or of a worker's place is named to it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use crossbeam_channel::{Receiver, Sender};
use hew_core::agent::{SpawnError, SpawnProgress, StopRequest};
use hew_core::engine::event::{PlannerDraft, PlannerEnd};
use hew_core::engine::{Event, PlannerJob};
use hew_core::plan::{self, Purpose, RuntimeProblem, SpawnPlan, SpawnRequest};
use hew_core::prompt::{Draft, draft};
use hew_core::record::files::batch_dir;
use hew_core::record::plan_file::plan_json;

use super::Rig;
use super::next_batch::said_next;
use super::worker::new_session;
use crate::adapters::files::create_private_dir;
use crate::adapters::store::{write_for_agent, write_private};
use crate::skills;

/// What the planner's thread is to do.
pub(super) enum Order {
    /// Write down what is asked, and the plan of the spawn.
    Draft(Box<PlannerJob>),
    /// Ask.
    Run { number: u32, plan: Box<SpawnPlan>, stops: Receiver<StopRequest> },
}

/// Where drafts are written. Asking the tracker may take long, and nobody waits for that at the end of a run: once the desk
/// is closed, no file or folder is made any more.
#[derive(Debug, Default)]
pub(super) struct Desk(Mutex<OnDesk>);

#[derive(Debug, Default)]
struct OnDesk {
    is_closed: bool,
    is_drafting: bool,
}

impl Desk {
    fn look(&self) -> MutexGuard<'_, OnDesk> {
        self.0.lock().expect("no thread panics while it holds this")
    }

    /// Closes it for good. Tells whether a draft is under way, from which nothing will come.
    pub(super) fn close(&self) -> bool {
        let mut desk = self.look();
        desk.is_closed = true;
        desk.is_drafting
    }

    /// A draft begins, unless the desk is closed.
    fn begin(&self) -> bool {
        let mut desk = self.look();
        desk.is_drafting = !desk.is_closed;
        desk.is_drafting
    }

    fn end(&self) {
        self.look().is_drafting = false;
    }
}

/// Serves orders until the run lets go of the channel.
pub(super) fn run(rig: &Rig, desk: &Desk, orders: &Receiver<Order>, events: &Sender<Event>) {
    for order in orders {
        let event = match order {
            Order::Draft(job) => {
                let is_begun = desk.begin();
                let result =
                    if is_begun { write_draft(rig, desk, &job) } else { Ok(Ok(PlannerDraft::NothingReady)) };
                desk.end();
                Event::PlannerDrafted { number: job.number, result }
            }
            Order::Run { number, plan, stops } => {
                Event::PlannerEnded { number, result: ask(rig, number, &plan, &stops, events) }
            }
        };
        super::send(events, event);
    }
}

fn write_draft(
    rig: &Rig,
    desk: &Desk,
    job: &PlannerJob,
) -> Result<Result<PlannerDraft, RuntimeProblem>, String> {
    let ready = rig.tracker.ready(&job.query).map_err(|error| error.to_string())?;
    if ready.is_empty() {
        return Ok(Ok(PlannerDraft::NothingReady));
    }
    let prompt = match draft(skills::body(skills::PLANNER), &ready, &job.touched, job.budget_tokens) {
        Draft::Prompt(prompt) => prompt,
        Draft::TooLong(tokens) => return Ok(Ok(PlannerDraft::TooLong(tokens))),
    };
    // Held while files are made, so that a desk that is closed has none to come.
    let writing = desk.look();
    if writing.is_closed {
        return Ok(Ok(PlannerDraft::NothingReady));
    }
    let seat = seat(rig, job)?;
    let request = SpawnRequest {
        purpose: Purpose::Planner,
        settings: &rig.settings,
        model: None,
        host: &rig.host,
        seat: &seat,
        choice: &job.choice,
        suggested: None,
        resumes: None,
    };
    let plan = match plan::plan_spawn(&request) {
        Ok(plan) => plan,
        Err(problem) => return Ok(Err(problem)),
    };
    write_for_agent(&plan::prompt_file(&seat), prompt.as_bytes()).map_err(|error| error.to_string())?;
    let plan_file = seat.folder.join("plan.json");
    write_private(&plan_file, plan_json(&plan).as_bytes()).map_err(|error| error.to_string())?;
    drop(writing);
    Ok(Ok(PlannerDraft::Planned(Box::new(plan))))
}

/// Where the planner sits: an empty folder, and its files in the run folder.
fn seat(rig: &Rig, job: &PlannerJob) -> Result<plan::Seat, String> {
    // Its name is that of a temporary folder: whoever finds it after a crash knows that nothing in it is to be kept.
    let place = rig.place.worktrees().join("tmp-planner");
    let (empty, temp) = (place.join("empty"), place.join("tmp"));
    let told = |path: &Path, error: &io::Error| format!("{}: {error}", path.display());
    remove(&place).map_err(|error| told(&place, &error))?;
    for folder in [&empty, &temp] {
        create_private_dir(folder).map_err(|error| told(folder, &error))?;
    }
    Ok(plan::Seat {
        run: rig.place.run.clone(),
        iteration: job.after,
        attempt: 0,
        project: rig.project.clone(),
        git_dir: empty.clone(),
        git_common_dir: empty.clone(),
        worktree: empty,
        session: new_session()?,
        folder: folder(rig, job.number),
        shared_temp: temp.clone(),
        temp,
        port_base: 0,
        hew_folder: rig.hew_folder.clone(),
        task_folders: Vec::new(),
        remotes: Vec::new(),
        tracker_env: std::collections::BTreeMap::new(),
    })
}

/// A batch's folder in the run folder.
fn folder(rig: &Rig, number: u32) -> PathBuf {
    rig.place.folder.join(batch_dir(number))
}

fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn ask(
    rig: &Rig,
    number: u32,
    plan: &SpawnPlan,
    stops: &Receiver<StopRequest>,
    events: &Sender<Event>,
) -> Result<Box<PlannerEnd>, SpawnError> {
    let progress = |seen: SpawnProgress| {
        if let SpawnProgress::Used { usage, cost_usd, model } = seen {
            super::send(events, Event::PlannerUsed { number, usage, cost_usd, model });
        }
    };
    let report = rig.spawner.run(plan, stops, &progress)?;
    let next = said_next(rig, report.last_words());
    Ok(Box::new(PlannerEnd { report, next }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_drafted_at_a_closed_desk_and_nobody_waits_for_what_is() {
        let desk = Desk::default();
        assert!(desk.begin());
        desk.end();
        assert!(!desk.close(), "nothing is under way");
        assert!(!desk.begin());
        let desk = Desk::default();
        assert!(desk.begin());
        assert!(desk.close(), "a draft is under way");
        assert!(desk.look().is_closed);
    }
}
