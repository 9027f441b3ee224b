//! The run goes on: nothing that is ready waits while a worker is free.

use super::super::trouble::Trouble;
use super::{Evidence, Rules, Verdict, ensure};

impl Rules {
    /// Time is about to pass: whoever could work, works.
    pub(in super::super) fn before_time_passes(&mut self, evidence: &Evidence<'_>) -> Verdict {
        let plot = evidence.plot;
        let may_wait = [
            Trouble::Plans,
            Trouble::Runtimes,
            Trouble::Tracker,
            Trouble::Budgets,
            Trouble::Git,
            Trouble::Agents,
            Trouble::Clock,
        ];
        let waits = may_wait.into_iter().any(|trouble| plot.has(trouble));
        let has_begun = self.is_baseline_over || self.landings.len() + self.iters.len() > 0;
        if waits || !evidence.is_quiet || self.stop.is_some() || !has_begun || !self.reasons.is_empty() {
            return Ok(());
        }
        if self.merging_branch.is_some() {
            // What waited for the branches is for the next run.
            return Ok(());
        }
        let config = &plot.config;
        let free = usize::from(config.jobs).saturating_sub(self.occupied().len());
        if free == 0 || self.is_ending || self.ended.is_some() || evidence.busy == 0 {
            return Ok(());
        }
        let with_parked = config.retry_parked || matches!(config.scope, hew_core::tracker::Scope::Tasks(_));
        let ready = evidence.tracker.look(|tasks| {
            self.ready(tasks, &config.scope, with_parked, crate::tracker_clock::ticking_start())
        });
        let idle = ready.iter().find(|task| !self.by_people.contains(*task));
        ensure(idle.is_none(), || format!("liveness: {free} workers are idle while {idle:?} is ready"))
    }
}
