//! How the runtimes of a run fare: which rest and until when, which are out, which one is being tried again, and by whom.
//!
//! Invariants: a runtime that rests is tried again by one iteration at a time; rests in a row get longer whatever its
//! provider says, so that nothing goes round in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::ids::{ModelName, RuntimeName, WorkerId};
use crate::plan::{Rest, RuntimeHealth};
use crate::schedule::backoff;

/// A pause of a runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pause {
    /// When it ends.
    pub(crate) until: Duration,
    /// Its provider named that moment.
    pub(crate) is_given: bool,
    /// Why, for people.
    why: String,
    /// Iterations that ended on a runtime that stands in, since it began.
    stood_in: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    Resting(Pause),
    /// An iteration of this worker tries whether it is fit again.
    Probed(WorkerId, Pause),
    Out(Outage),
}

/// Why a runtime can't be used any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outage {
    /// For people.
    pub(crate) why: String,
    /// What a person does about it, where anything is known to help.
    pub(crate) remedy: Option<String>,
}

/// What a failure says of the pause that a runtime has to take.
pub(crate) struct PauseWish {
    /// The moment that the provider named.
    pub(crate) given: Option<Duration>,
    /// How long it takes where no moment is named; none for a pause that grows with each one in a row.
    pub(crate) otherwise: Option<Duration>,
    pub(crate) why: String,
}

/// How the runtimes fare. One that is not named is fit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Runtimes {
    standing: BTreeMap<RuntimeName, Standing>,
    /// Models that a runtime turned out not to have.
    lacking: BTreeSet<(RuntimeName, ModelName)>,
    /// What a runtime was once said to lack, and has not been seen to have since: a model, or with none all of its API.
    doubted: BTreeSet<(RuntimeName, Option<ModelName>)>,
    /// Rests without an answer in between.
    in_a_row: BTreeMap<RuntimeName, u32>,
    /// Iterations on a stand-in before a runtime is tried again, where no moment is named.
    cooldown: u32,
}

impl Runtimes {
    pub(crate) fn new(cooldown: u32) -> Self {
        Self { cooldown, ..Self::default() }
    }

    /// As choosing sees it: for one worker, which may be the one that tries a runtime again.
    pub(crate) fn health(&self, now: Duration, of: Option<WorkerId>) -> RuntimeHealth {
        let mut health = RuntimeHealth { lacking: self.lacking.clone(), ..RuntimeHealth::default() };
        for (name, standing) in &self.standing {
            let (name, rest) = (name.clone(), |until, pause: &Pause| Rest { until, why: pause.why.clone() });
            match standing {
                Standing::Resting(pause) if self.is_due(pause, now) => {}
                Standing::Resting(pause) => {
                    health.resting.insert(name, rest(Some(pause.until), pause));
                }
                Standing::Probed(by, _) if Some(*by) == of => {}
                // Nobody knows when it is told whether it is fit.
                Standing::Probed(_, pause) => {
                    health.resting.insert(name, rest(None, pause));
                }
                Standing::Out(outage) => {
                    health.out.insert(name, outage.why.clone());
                }
            }
        }
        health
    }

    fn is_due(&self, pause: &Pause, now: Duration) -> bool {
        now >= pause.until || (!pause.is_given && pause.stood_in >= self.cooldown)
    }

    /// It rests, and is due to be tried again.
    pub(crate) fn is_due_for_probe(&self, name: &RuntimeName, now: Duration) -> bool {
        matches!(self.standing.get(name), Some(Standing::Resting(pause)) if self.is_due(pause, now))
    }

    /// An iteration of this worker tries a resting runtime again.
    pub(crate) fn probe(&mut self, name: &RuntimeName, by: WorkerId) {
        if let Some(Standing::Resting(pause)) = self.standing.get(name) {
            self.standing.insert(name.clone(), Standing::Probed(by, pause.clone()));
        }
    }

    /// The runtime that a worker tries again, if it does.
    pub(crate) fn probed_by(&self, worker: WorkerId) -> Option<&RuntimeName> {
        self.standing.iter().find_map(|(name, standing)| {
            matches!(standing, Standing::Probed(by, _) if *by == worker).then_some(name)
        })
    }

    /// The worker did not come to try it: somebody else may.
    pub(crate) fn give_up_probe(&mut self, by: WorkerId) {
        for standing in self.standing.values_mut() {
            if let Standing::Probed(worker, pause) = standing
                && *worker == by
            {
                *standing = Standing::Resting(pause.clone());
            }
        }
    }

    /// A runtime has to rest. Answers its pause where that is news: a pause that goes on is only made longer by a later
    /// moment that its provider names.
    pub(crate) fn rest(&mut self, name: &RuntimeName, wish: PauseWish, now: Duration) -> Option<Pause> {
        match self.standing.get_mut(name) {
            Some(Standing::Out(_)) => return None,
            Some(Standing::Resting(pause)) if now < pause.until => {
                let later = wish.given.filter(|given| *given > pause.until)?;
                *pause = Pause { until: later, is_given: true, why: wish.why, stood_in: pause.stood_in };
                return Some(pause.clone());
            }
            _ => {}
        }
        let rests = self.in_a_row.entry(name.clone()).or_default();
        *rests = rests.saturating_add(1);
        let growing = backoff::rest(*rests);
        // A named moment that has come and was no help is not believed alone any more.
        let least = if *rests > 1 { growing } else { backoff::SHORTEST_GIVEN };
        let until = match wish.given {
            Some(given) => given.max(now.saturating_add(least)),
            None => now.saturating_add(wish.otherwise.unwrap_or(growing)),
        };
        let pause = Pause { until, is_given: wish.given.is_some(), why: wish.why, stood_in: 0 };
        self.standing.insert(name.clone(), Standing::Resting(pause.clone()));
        Some(pause)
    }

    /// Its last word to anybody was an answer, or it has not been asked yet.
    pub(crate) fn answers(&self, name: &RuntimeName) -> bool {
        !self.in_a_row.contains_key(name)
    }

    /// A runtime can't be used in this run any more; false if that is known.
    pub(crate) fn put_out(&mut self, name: &RuntimeName, outage: Outage) -> bool {
        let before = self.standing.insert(name.clone(), Standing::Out(outage));
        !matches!(before, Some(Standing::Out(_)))
    }

    /// A runtime turned out not to have a model; false if that is known.
    pub(crate) fn lacks(&mut self, name: &RuntimeName, model: ModelName) -> bool {
        self.lacking.insert((name.clone(), model))
    }

    /// A worker was told that a runtime lacks this model, or with none its whole API; true where a request before was told
    /// the same, and the runtime has rested in between: what was asked at the same time is no second word.
    pub(crate) fn is_told_again(
        &mut self,
        name: &RuntimeName,
        model: Option<ModelName>,
        by: WorkerId,
        now: Duration,
    ) -> bool {
        let has_rested = match self.standing.get(name) {
            Some(Standing::Resting(pause)) => now >= pause.until,
            Some(Standing::Probed(worker, _)) => *worker == by,
            Some(Standing::Out(_)) | None => true,
        };
        let is_news = self.doubted.insert((name.clone(), model));
        !is_news && has_rested
    }

    /// Something is doubted of a runtime.
    pub(crate) fn doubts(&self, name: &RuntimeName) -> bool {
        self.doubted.iter().any(|(doubted, _)| doubted == name)
    }

    /// A runtime has answered a request for this model.
    pub(crate) fn trust(&mut self, name: &RuntimeName, model: Option<ModelName>) {
        self.doubted.remove(&(name.clone(), None));
        self.doubted.remove(&(name.clone(), model));
    }

    /// A runtime has answered an iteration of this worker; true if it rested until now.
    pub(crate) fn answered(&mut self, name: &RuntimeName, worker: WorkerId) -> bool {
        match self.standing.get(name) {
            Some(Standing::Probed(by, _)) if *by == worker => {
                self.standing.remove(name);
                self.in_a_row.remove(name);
                true
            }
            Some(_) => false,
            None => {
                self.in_a_row.remove(name);
                false
            }
        }
    }

    /// An iteration ended on a runtime that stands in for another.
    pub(crate) fn stood_in(&mut self, instead_of: &RuntimeName) {
        if let Some(Standing::Resting(pause)) = self.standing.get_mut(instead_of) {
            pause.stood_in = pause.stood_in.saturating_add(1);
        }
    }

    /// It does not work now, nor will it before it has rested or for the whole run.
    pub(crate) fn is_away(&self, name: &RuntimeName, now: Duration, of: WorkerId) -> Option<String> {
        let health = self.health(now, Some(of));
        let rests = health.resting.get(name).map(|rest| format!("runtime `{name}` rests: {}", rest.why));
        rests.or_else(|| health.out.get(name).map(|why| format!("runtime `{name}` is out: {why}")))
    }

    /// Runtimes that are out.
    pub(crate) fn all_out(&self) -> impl Iterator<Item = (&RuntimeName, &Outage)> {
        self.standing.iter().filter_map(|(name, standing)| match standing {
            Standing::Out(outage) => Some((name, outage)),
            Standing::Resting(_) | Standing::Probed(..) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const W0: WorkerId = WorkerId(0);
    const W1: WorkerId = WorkerId(1);

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn claude() -> RuntimeName {
        RuntimeName::new("claude")
    }

    fn wish(given: Option<u64>) -> PauseWish {
        PauseWish { given: given.map(secs), otherwise: None, why: "429".to_owned() }
    }

    fn rests(runtimes: &Runtimes, now: u64, of: Option<WorkerId>) -> bool {
        runtimes.health(secs(now), of).resting.contains_key(&claude())
    }

    #[test]
    fn one_worker_at_a_time_tries_a_rested_runtime_again() {
        let mut runtimes = Runtimes::new(3);
        assert_eq!(runtimes.rest(&claude(), wish(Some(100)), secs(10)).unwrap().until, secs(100));
        assert!(rests(&runtimes, 99, Some(W0)));
        assert!(!rests(&runtimes, 100, None));
        runtimes.probe(&claude(), W0);
        assert!(rests(&runtimes, 101, Some(W1)) && !rests(&runtimes, 101, Some(W0)));
        runtimes.give_up_probe(W0);
        assert!(runtimes.is_due_for_probe(&claude(), secs(101)));
        runtimes.probe(&claude(), W1);
        assert!(!runtimes.answered(&claude(), W0));
        assert!(runtimes.answered(&claude(), W1));
        assert!(!rests(&runtimes, 0, None));
    }

    #[test]
    fn iterations_on_a_stand_in_end_a_rest_of_which_nobody_knows_the_end() {
        let mut runtimes = Runtimes::new(2);
        runtimes.rest(&claude(), wish(None), secs(0));
        runtimes.stood_in(&claude());
        assert!(rests(&runtimes, 1, None));
        runtimes.stood_in(&claude());
        assert!(!rests(&runtimes, 1, None));
        let mut named = Runtimes::new(2);
        named.rest(&claude(), wish(Some(50)), secs(0));
        (0..9).for_each(|_| named.stood_in(&claude()));
        assert!(rests(&named, 49, None));
    }

    #[test]
    fn rests_in_a_row_grow_although_the_provider_says_at_once() {
        let mut runtimes = Runtimes::new(3);
        let mut now = 0;
        let mut lengths = Vec::new();
        for _ in 0..4 {
            let pause = runtimes.rest(&claude(), wish(Some(now)), secs(now)).unwrap();
            lengths.push(pause.until.as_secs() - now);
            now = pause.until.as_secs();
            runtimes.probe(&claude(), W0);
        }
        assert_eq!(lengths, [1, 120, 240, 480]);
        assert!(runtimes.answered(&claude(), W0));
        assert_eq!(runtimes.rest(&claude(), wish(None), secs(0)).unwrap().until, secs(60));
    }

    #[test]
    fn what_a_runtime_lacks_takes_a_second_word_after_a_rest() {
        let mut runtimes = Runtimes::new(3);
        let small = || Some(ModelName::from("small"));
        assert!(!runtimes.is_told_again(&claude(), small(), W0, secs(0)));
        runtimes.rest(&claude(), wish(Some(60)), secs(0));
        assert!(!runtimes.is_told_again(&claude(), small(), W1, secs(1)), "asked at the same time");
        runtimes.probe(&claude(), W0);
        assert!(!runtimes.is_told_again(&claude(), small(), W1, secs(61)), "it is W0 who asks again");
        assert!(!runtimes.is_told_again(&claude(), None, W0, secs(61)), "another word");
        assert!(runtimes.is_told_again(&claude(), small(), W0, secs(61)));
        assert!(runtimes.doubts(&claude()));
        runtimes.trust(&claude(), small());
        assert!(!runtimes.doubts(&claude()) && !runtimes.is_told_again(&claude(), small(), W0, secs(61)));
    }

    #[test]
    fn workers_that_fail_together_make_one_rest() {
        let mut runtimes = Runtimes::new(3);
        assert!(runtimes.rest(&claude(), wish(None), secs(0)).is_some());
        assert_eq!(runtimes.rest(&claude(), wish(None), secs(1)), None);
        assert_eq!(runtimes.rest(&claude(), wish(Some(30)), secs(1)), None);
        assert_eq!(runtimes.rest(&claude(), wish(Some(90)), secs(2)).unwrap().until, secs(90));
        let outage = || Outage { why: "no key".to_owned(), remedy: None };
        assert!(runtimes.put_out(&claude(), outage()));
        assert!(!runtimes.put_out(&claude(), outage()));
        assert_eq!(runtimes.rest(&claude(), wish(None), secs(3)), None);
    }
}
