//! The end of a process at any step, and another that goes on.
//!
//! What threads were doing is done, half done, or not begun; agents are ended by their shims; the journal is cut where a
//! loss of power may cut it. The next process asks git and the tracker, as the binary's does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hew_core::agent::StopCause;
use hew_core::engine::{Event, State};
use hew_core::exit::Exit;
use hew_core::ids::WorkerId;
use hew_core::record::JournalEvent;
use hew_core::resume::{KeptConflict, Unfinished, UnfinishedFold, gather, give_back};
use hew_core::worktree::names;

use super::case::Plot;
use super::chance::Chance;
use super::process::Process;
use super::seat::SimSeat;
use super::trouble::Trouble;
use super::world::{Broken, ROOT, World};

/// When a process ends before the run does.
#[derive(Debug)]
pub(super) struct Plan {
    /// Steps from one crash to the next.
    steps: Vec<u64>,
    /// Git and tracker have sworn off answering at a resume so many times.
    patience: u32,
}

impl Plan {
    pub(super) fn of(seed: u64, plot: &Plot) -> Self {
        let mut chance = Chance::of(seed, "crash plan");
        let many = if plot.has(Trouble::Crashes) { 1 + chance.below(3) } else { 0 };
        let most = 25 * plot.scripts.len() + 10;
        Self { steps: (0..many).map(|_| 1 + chance.below(most) as u64).collect(), patience: 0 }
    }
}

impl World {
    /// A crash that is due now, or within the next few calls of git or the tracker.
    pub(super) fn crash_if_due(&mut self) -> Result<bool, Broken> {
        let Some(left) = self.plan_of_crashes.steps.last_mut() else { return Ok(false) };
        if *left > 0 {
            *left -= 1;
            return Ok(false);
        }
        self.plan_of_crashes.steps.pop();
        match self.chances.crash.below(3) {
            0 => {
                let calls = u32::try_from(self.chances.crash.below(6)).expect("a small number");
                self.git.faults().end_after(calls);
                Ok(false)
            }
            1 => {
                let calls = u32::try_from(self.chances.crash.below(6)).expect("a small number");
                self.tracker.faults().end_after(calls);
                Ok(false)
            }
            _ => self.crash_now().map(|()| true),
        }
    }

    /// The process is gone.
    pub(super) fn crash_now(&mut self) -> Result<(), Broken> {
        self.tally.count("crashes");
        self.story.line(|| "    the process is gone".to_owned());
        // What threads were at may have been done.
        if self.chances.crash.percent(40) {
            drop(self.finish_tracker());
        }
        if self.chances.crash.percent(40) {
            drop(self.finish_lane());
        }
        for worker in 0..self.plot.config.jobs {
            self.end_worker(worker);
        }
        self.bury()?;
        if self.plot.has(Trouble::Store) || self.chances.crash.percent(30) {
            self.lose_power();
        }
        Ok(())
    }

    /// A worker's agent ends with its shim; its other work is done or not.
    fn end_worker(&mut self, worker: u16) {
        let index = usize::from(worker);
        if let Some(mut agent) = self.process_mut().agents[index].take() {
            if !agent.is_half && self.chances.crash.percent(50) {
                drop(self.go_half_way(&mut agent));
            }
            drop(self.end_agent(agent, Some(&StopCause::Requested), Some(Exit::Signal(9))));
            self.process_mut().workers[index].doing = None;
        } else if self.chances.crash.percent(40) {
            drop(self.finish_worker(worker));
        }
    }

    fn bury(&mut self) -> Result<(), Broken> {
        self.process = None;
        self.incarnation += 1;
        self.rules.process_ended(self.clock.world());
        self.git.faults().begin();
        self.tracker.faults().begin();
        self.look()?;
        self.rules.nothing_is_lost(&self.git.repo)
    }

    /// Lines of the journal that nothing durable rests on may be gone.
    fn lose_power(&mut self) {
        let loose = self.journal.len() - self.synced;
        let kept = self.synced + self.chances.crash.below(loose + 1);
        if kept < self.journal.len() {
            self.tally.count("losses of power");
            self.story.line(|| format!("    the journal's end is lost from line {}", kept + 1));
            self.journal.truncate(kept);
            self.rules.journal_was_cut(&self.journal, &self.plot);
        }
    }

    /// The journal can't be written: nothing more is begun, what runs is stopped, orders that were given are carried out.
    pub(super) fn store_is_full(&mut self, records: Vec<JournalEvent>) -> Result<(), Broken> {
        self.tally.count("journals that could not be written");
        self.story.line(|| "    the journal can't be written".to_owned());
        let written = self.chances.store.below(records.len());
        let some = records.into_iter().take(written).collect();
        self.write(some);
        for worker in 0..self.plot.config.jobs {
            self.end_worker(worker);
        }
        loop {
            drop(self.finish_tracker());
            drop(self.finish_lane());
            drop(self.finish_planner());
            for worker in 0..self.plot.config.jobs {
                self.end_worker(worker);
            }
            if self.begin_without_agents() {
                break;
            }
        }
        self.bury()
    }

    /// Threads take what waits; agents that were ordered never run. True where nothing is left.
    fn begin_without_agents(&mut self) -> bool {
        self.begin_jobs();
        let process = self.process_mut();
        let is_idle = process.tracker.is_idle() && process.lane.is_idle() && process.planner.is_idle();
        is_idle && process.workers.iter().all(super::hand::Hand::is_idle)
    }

    /// Nothing runs. People may do something; then another process goes on.
    pub(super) fn lie_dead(&mut self) -> Result<(), Broken> {
        let away = self.chances.crash.duration(Duration::from_secs(60), 2.0);
        self.clock.move_to(self.clock.world() + away);
        if self.plot.has(Trouble::People) && self.chances.people.percent(20) {
            self.someone_acts();
        }
        self.resume()
    }

    fn resume(&mut self) -> Result<(), Broken> {
        let mut fold = UnfinishedFold::default();
        self.journal.iter().for_each(|entry| fold.apply(entry));
        let before = match fold.finish() {
            Ok(before) => before,
            Err(hew_core::resume::NotResumable::Ended { exit_code, .. }) => {
                // It had written its end, and died before anybody was told.
                self.end = Some(exit_code);
                return Ok(());
            }
            Err(error) => return Err(format!("resume: {error}")),
        };
        self.tally.count("resumes");
        let found = gather(&*self.git, &*self.tracker, &before);
        let mut evidence = match found {
            Ok(evidence) => evidence,
            Err(error) => return self.wait_for_answers(&error.to_string()),
        };
        if let Err(error) = give_back(&*self.tracker, &evidence.strays) {
            return self.wait_for_answers(&error.to_string());
        }
        evidence.lost_conflicts = self.conflicts_without_folder(&before);
        let lived = before.lived;
        self.clock.begin_process(lived);
        self.rules.process_begins(self.clock.world(), lived, &self.journal);
        let kept = self.folders_to_keep(&before);
        let seats = self.seats_of(&before);
        let state = State::resumed(self.plot.config.clone(), *before, evidence);
        let mut process = Process::new(state, self.plot.config.jobs);
        process.kept_folders = kept;
        for (seat, found) in process.seats.iter_mut().zip(seats) {
            *seat = found;
        }
        self.process = Some(process);
        let resumed =
            JournalEvent::RunResumed { pid: 2, hew_version: "0.0.0".to_owned(), ended_processes: 0 };
        self.write(vec![resumed]);
        self.arrive([Event::Launched]);
        self.look()
    }

    /// A resume that git or the tracker does not answer changes nothing; somebody tries it again.
    fn wait_for_answers(&mut self, why: &str) -> Result<(), Broken> {
        self.tally.count("resumes without an answer");
        self.plan_of_crashes.patience += 1;
        if self.plan_of_crashes.patience > 200 {
            return Err(format!("resume: it never gets an answer: {why}"));
        }
        self.look()
    }

    fn seats_of(&self, before: &Unfinished) -> Vec<SimSeat> {
        let seat = |worker| {
            let worker = WorkerId(worker);
            let left = before.seats.get(&worker);
            left.map_or_else(
                || SimSeat::new(worker),
                |seat| SimSeat::after(worker, Path::new(&seat.worktree), seat.is_left),
            )
        };
        (0..self.plot.config.jobs).map(seat).collect()
    }

    fn conflicts_without_folder(&self, before: &Unfinished) -> Vec<KeptConflict> {
        let trees = self.git.repo.trees();
        let folder = |task| names::conflict_dir(Path::new(ROOT), &self.plot.config.run, task);
        let lost = before.conflicts.iter().filter(|(task, _)| !trees.contains(&folder(task)));
        lost.map(|(task, work)| KeptConflict { task: task.clone(), work: work.clone() }).collect()
    }

    /// As the binary finds them: what a worker left behind before its present folder, and what shows a conflict. What shows
    /// a branch that was given up is put at its work again first, unless an agent left it as it was.
    fn folders_to_keep(&self, before: &Unfinished) -> BTreeSet<PathBuf> {
        let trees = self.git.repo.trees();
        let run = &self.plot.config.run;
        let is_conflict = |path: &&PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("conflict-"))
        };
        let mut kept: BTreeSet<PathBuf> = trees.iter().filter(is_conflict).cloned().collect();
        for (worker, seat) in &before.seats {
            let now = SimSeat::after(*worker, Path::new(&seat.worktree), seat.is_left);
            kept.extend(now.earlier_folders(run).into_iter().filter(|folder| trees.contains(folder)));
        }
        for branch in before.given_up.values().filter(|branch| !branch.was_left) {
            kept.remove(Path::new(&branch.worktree));
        }
        kept
    }
}
