//! A run that is killed and resumed comes to the same end as one that nobody disturbed (landing.md L6).

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use hew_testkit::kills::{
    Kill, Outcome, Scene, branches_that_do_not_land, every_end, ride, work_that_stays_behind,
};

/// Rides that go on side by side: more than cores, for each waits for its agents now and then.
const SIDE_BY_SIDE: usize = 3;

const WHOLE: &str = "nobody panics while it holds this";

fn at(place: impl Into<String>) -> Kill {
    Kill::At(place.into())
}

fn undisturbed(scene: &Scene) -> Outcome {
    let calm = ride(scene, &[]);
    let outcome = calm.outcome(scene);
    calm.assert_sound(scene, &outcome);
    outcome
}

/// Rides until a run survives its kill. Answers how many did not.
fn at_each(scene: &Scene, kills_of: impl Fn(u64) -> Vec<Kill> + Sync) -> u64 {
    at_each_against(&undisturbed(scene), scene, kills_of)
}

fn at_each_against(calm: &Outcome, scene: &Scene, kills_of: impl Fn(u64) -> Vec<Kill> + Sync) -> u64 {
    let (next, survived) = (AtomicU64::new(1), Mutex::new(u64::MAX));
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= *survived.lock().expect(WHOLE) {
                        return;
                    }
                    let kills = kills_of(number);
                    let ridden = ride(scene, &kills);
                    if ridden.kills < kills.len() {
                        let mut least = survived.lock().expect(WHOLE);
                        *least = number.min(*least);
                    }
                    ridden.assert_sound(scene, calm);
                }
            });
        }
    });
    survived.into_inner().expect(WHOLE) - 1
}

#[test]
fn killed_after_each_event_of_its_journal_a_run_comes_to_the_same_end() {
    let killed = at_each(&every_end(), |number| vec![at(format!("journal:{number}"))]);
    assert!(killed > 60, "only {killed} events");
}

#[test]
fn killed_around_a_conflict_a_run_files_one_bug_task_or_lands_the_work_after_all() {
    let killed = at_each(&work_that_stays_behind(), |number| vec![at(format!("journal:{number}"))]);
    assert!(killed > 15, "only {killed} events");
}

/// The second kill hits the resume after the first one.
#[test]
fn killed_twice_in_a_row_it_comes_to_the_same_end() {
    let kills = |number: u64| vec![at(format!("journal:{}", 6 * number)), at(format!("journal:{number}"))];
    let killed = at_each(&every_end(), kills);
    assert!(killed > 5, "only {killed} rides");
}

/// Steps of which the journal does not know yet, or files that are half-written: K1 to K13 of what can be left behind.
const BETWEEN: [&str; 26] = [
    "tracker/claim:1",
    "git-process/worktree:1",
    "git/add_worktree:1",
    "git-process/reset:1",
    "git/reset_worktree:1",
    "agent/started:1",
    "agent/ended:1",
    "git/anchor:1",
    "git/anchor:3",
    "git/add_worktree:3",
    "git/merge:1",
    "git/merge:3",
    "gate:1",
    "gate:2",
    "git/advance:1",
    "git/advance:2",
    "tracker/close:1",
    "tracker/release:1",
    "torn:2",
    "torn:25",
    "file/run.json:1",
    "renamed/manifest.json:1",
    "git/forward_checkout:1",
    "git/remove_worktree:1",
    "git/delete_branch:1",
    "ledger:2",
];

#[test]
fn killed_between_a_step_and_its_record_it_comes_to_the_same_end() {
    let scene = every_end();
    let calm = undisturbed(&scene);
    let next = AtomicU64::new(0);
    let place = || BETWEEN.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).expect("a few"));
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(place) = place() {
                    let ridden = ride(&scene, &[at(*place)]);
                    assert_eq!(ridden.kills, 1, "{place} is never passed: {:#?}", ridden.said);
                    ridden.assert_sound(&scene, &calm);
                }
            });
        }
    });
}

/// Every event of a resume, after a run that had landed something and had agents at work.
#[test]
fn killed_after_each_event_of_a_resume_it_comes_to_the_same_end() {
    let scene = work_that_stays_behind();
    let first = || at("journal/landed:1");
    let killed = at_each(&scene, |number| vec![first(), at(format!("journal:{number}"))]);
    assert!(killed > 5, "only {killed} events");
}

/// What passes these places has all its work done, and merges the branches.
const MERGING: [&str; 9] = [
    "journal/candidate",
    "journal/landed",
    "journal/conflicted",
    "journal/given_up",
    "journal/task_changed",
    "journal/iteration_ended",
    "torn/task_changed",
    "tracker/release",
    "tracker/close",
];

#[test]
fn killed_while_branches_are_cut_and_given_up_nothing_of_them_lands_and_nothing_begins_again() {
    let scene = branches_that_do_not_land();
    let calm = undisturbed(&scene);
    assert_eq!((calm.landed.len(), calm.filed.len()), (1, 1), "{calm:?}");
    for place in MERGING {
        let killed = at_each_against(&calm, &scene, |number| vec![at(format!("{place}:{number}"))]);
        assert!(killed > 0, "{place} is never passed");
    }
}
