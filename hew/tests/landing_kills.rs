//! A run that is killed and resumed comes to the same end as one that nobody disturbed (landing.md L6).

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use hew_testkit::kills::{Kill, Outcome, Scene, every_end, ride, work_that_stays_behind};

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
    let calm = undisturbed(scene);
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
                    ridden.assert_sound(scene, &calm);
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
