//! What the watch knows from look to look.

use std::collections::{BTreeMap, VecDeque};

use crossbeam_channel::Sender;
use hew_core::engine::Event;
use hew_core::escape::change::changes;
use hew_core::escape::keys::runs_code;
use hew_core::escape::{
    Attribution, Change, Claim, Escape, Evidence, Pace, Subject, Surroundings, Verdicts, shows_values,
};
use hew_core::ids::{CommitId, IterationId};
use hew_core::worktree::{AdvanceOutcome, names};

use super::Rig;
use super::watch::Tips;
use crate::adapters::surroundings::{KeyValues, KnownSettings, Surveyor};

/// Looks, and asks whose doing each change is.
pub(super) struct Watcher<'a> {
    rig: &'a Rig,
    tips: &'a Tips,
    events: &'a Sender<Event>,
    surveyor: Surveyor,
    attribution: Attribution,
    /// The latest look; none before the first, and after hew has changed the checkout itself.
    last: Option<Surroundings>,
    pace: Pace,
    /// Settings that changed: their values before and after.
    settings: BTreeMap<String, (KeyValues, KeyValues)>,
    /// An agent ran since everything was told.
    is_open: bool,
}

impl<'a> Watcher<'a> {
    pub(super) fn new(rig: &'a Rig, tips: &'a Tips, events: &'a Sender<Event>) -> Self {
        let surveyor = Surveyor::new(&rig.common_dir, &rig.project, rig.tracker_folders());
        let attribution = Attribution::new(rig.place.run.clone(), &rig.settings.branch_prefix.value);
        Self {
            rig,
            tips,
            events,
            surveyor,
            attribution,
            last: None,
            pace: Pace::default(),
            settings: BTreeMap::new(),
            is_open: false,
        }
    }

    /// What was there before it is none of its doing, as far as a look is due.
    pub(super) fn begin(&mut self, iteration: IterationId) {
        if self.is_due() {
            self.look();
        }
        self.attribution.begin(iteration);
        self.is_open = true;
    }

    /// Answers whether the iteration changed what is not its own.
    pub(super) fn end(&mut self, iteration: IterationId, claims: &[Claim]) -> bool {
        if !claims.is_empty() || self.is_due() {
            self.look();
        }
        let mut escapes = self.attribution.end(iteration, claims);
        for escape in &mut escapes {
            self.mend(escape, claims);
            escape.change.leave_out(&self.rig.secrets);
        }
        let has_escaped = !escapes.is_empty();
        if has_escaped {
            super::send(self.events, Event::Escaped { about: Some(iteration), escapes });
        }
        self.tell(false);
        has_escaped
    }

    /// Answers whether anybody who runs may answer for it.
    pub(super) fn meddled(&mut self, change: Change) -> bool {
        let is_taken = !self.attribution.is_idle();
        if is_taken {
            self.attribution.found(vec![change], &[]);
        }
        is_taken
    }

    pub(super) fn settle(&mut self) {
        if self.is_open {
            self.look();
            self.tell(true);
            self.is_open = false;
        }
    }

    pub(super) fn forget(&mut self) {
        self.last = None;
        self.pace = Pace::default();
    }

    fn is_due(&self) -> bool {
        self.pace.is_due(self.rig.clock.now().elapsed)
    }

    fn look(&mut self) {
        let began = self.rig.clock.now().elapsed;
        let (tips_before, _) = self.tips.now();
        let settings_before = self.surveyor.known_settings();
        let mut seen = self.surveyor.look();
        self.check_run_branch(&mut seen, &tips_before);
        if let Some(before) = self.last.take() {
            let found = changes(&before, &seen, &self.rig.project.display().to_string());
            self.note_settings(&found, &settings_before);
            let on =
                |look: &Surroundings| look.checkout.as_ref().and_then(|checkout| checkout.branch.clone());
            let heads: Vec<String> = [on(&before), on(&seen)].into_iter().flatten().collect();
            self.attribution.found(found, &heads);
            // What can't be read now is compared with what it was when it could be.
            seen.checkout = seen.checkout.or(before.checkout);
            seen.branches = seen.branches.or(before.branches);
            seen.settings = seen.settings.or(before.settings);
            seen.hooks = seen.hooks.or(before.hooks);
        }
        self.last = Some(seen);
        self.pace.looked(began, self.rig.clock.now().elapsed);
    }

    /// Keeps what a setting was before anybody touched it, while iterations run that may have.
    fn note_settings(&mut self, found: &[Change], before: &KnownSettings) {
        for change in found {
            if let Subject::Setting(key) = &change.subject {
                let after = self.surveyor.known_settings().values_of(key);
                let known = self.settings.entry(key.clone());
                known.or_insert_with(|| (before.values_of(key), KeyValues::default())).1 = after;
            }
        }
    }

    /// The lane alone moves the run branch: whatever else is found there is kept by a ref, and put back.
    fn check_run_branch(&mut self, seen: &mut Surroundings, tips_before: &VecDeque<CommitId>) {
        let Some(branches) = &mut seen.branches else { return };
        let run_branch = &self.rig.place.run_branch;
        let found = branches.remove(run_branch.as_str()).map(CommitId::new);
        let (tips, is_moving) = self.tips.now();
        let is_expected = |commit: &CommitId| tips.contains(commit) || tips_before.contains(commit);
        let is_right = found.as_ref().is_some_and(is_expected);
        // The lane sees to what it finds where it is about to move it.
        let (false, false, Some(tip)) = (is_right, is_moving, tips.back()) else { return };
        let is_back = match &found {
            Some(foreign) => {
                let anchor = names::foreign_anchor(&self.rig.place.run, foreign);
                self.rig.git.anchor(&anchor, foreign).is_ok()
                    && matches!(self.rig.git.advance(run_branch, foreign, tip), Ok(AdvanceOutcome::Advanced))
            }
            None => self.rig.git.create_branch(run_branch, tip).is_ok(),
        };
        if is_back {
            let subject = Subject::Branch(run_branch.to_string());
            let after = found.map(|commit| commit.to_string());
            self.attribution.found(vec![Change { subject, before: Some(tip.to_string()), after }], &[]);
        }
    }

    /// What can be put back is, and what a branch was is kept, whatever becomes of it.
    fn mend(&mut self, escape: &mut Escape, claims: &[Claim]) {
        match &escape.change.subject {
            Subject::Setting(key) if runs_code(key) => {
                let about = claims.iter().filter(|claim| claim.covers(&escape.change, &[]));
                let evidence: Vec<&Evidence> = about.map(|claim| &claim.evidence).collect();
                // A value that the agent is not seen to have given is a person's.
                let is_agents = |(before, after): &(KeyValues, KeyValues)| {
                    // What is kept of its commands has no secrets.
                    let shown = |values: Vec<String>| -> Vec<String> {
                        values.iter().map(|value| self.rig.secrets.left_out_of(value).into_owned()).collect()
                    };
                    shows_values(&evidence, &shown(before.all()), &shown(after.all()))
                };
                if let Some((before, after)) = self.settings.get(key).cloned().filter(is_agents) {
                    escape.put_back = self.surveyor.put_back(key, &before, &after);
                    self.settings.remove(key);
                    if let Some(last) = &mut self.last {
                        last.settings = self.surveyor.settings().or(last.settings.take());
                    }
                }
            }
            Subject::Branch(name) if *name == self.rig.place.run_branch.as_str() => escape.put_back = true,
            Subject::Branch(_) => {
                if let Some(before) = escape.change.before.as_ref().map(CommitId::new) {
                    let anchor = names::foreign_anchor(&self.rig.place.run, &before);
                    // A commit that is gone already can't be kept.
                    let _ = self.rig.git.anchor(&anchor, &before);
                }
            }
            Subject::File(_) | Subject::Head(_) | Subject::Setting(_) | Subject::Hook(_) => {}
        }
    }

    fn tell(&mut self, all: bool) {
        if self.attribution.is_idle() {
            self.settings.clear();
        }
        let Verdicts { mut of_run, mut foreign } = self.attribution.settle(all);
        let told = of_run.iter_mut().map(|escape| &mut escape.change).chain(&mut foreign);
        told.for_each(|change| change.leave_out(&self.rig.secrets));
        if !of_run.is_empty() {
            super::send(self.events, Event::Escaped { about: None, escapes: of_run });
        }
        if !foreign.is_empty() {
            super::send(self.events, Event::ForeignChanged(foreign));
        }
    }
}
