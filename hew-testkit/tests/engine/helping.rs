//! What a model server is asked beside iterations: what waits for its answers, and what does not.

use hew_core::helper::Helper;
use hew_core::ids::Actor;
use hew_core::record::JournalEvent;
use hew_core::tracker::BdClient;
use hew_testkit::scenario::{Place, Scenario, World};

/// One task; the server answers nothing until it is released.
fn unanswered(more: &[(&'static str, &str)]) -> Scenario {
    let endpoint = [("loop.local.endpoint", "http://127.0.0.1:1/v1"), ("loop.local.model", "small")];
    Scenario::new().setting(&endpoint).setting(more).tasks(&["a"]).holding(Place::Helpers)
}

/// Helpers of which the record says what they used, in order.
fn told(run: &World) -> Vec<Helper> {
    let helpers = run.journal.iter().filter_map(|event| match event {
        JournalEvent::Helped { helper, usage, .. } if usage.total() == 10 => Some(*helper),
        _ => None,
    });
    helpers.collect()
}

#[test]
fn the_end_waits_for_a_summary() {
    let mut run = unanswered(&[("loop.classifier.enabled", "false")]).start();
    run.settle();
    assert_eq!((run.landed(), run.exit()), (vec!["a"], None));
    run.release(&Place::Helpers);
    run.to_end();
    assert_eq!((told(&run), run.exit()), (vec![Helper::Summary], Some(0)));
}

#[test]
fn whoever_asks_for_the_end_waits_for_no_summary() {
    for stop in [World::interrupt as fn(&mut World) -> &mut World, World::cancel, World::stop_file] {
        let mut run = unanswered(&[("loop.classifier.enabled", "false")]).start();
        stop(run.settle());
        assert_eq!((told(&run), run.exit()), (vec![], Some(0)), "it was over by itself");
    }
}

#[test]
fn a_signal_while_the_run_cleans_up_holds_for_what_would_be_waited_for() {
    let mut run = unanswered(&[("loop.classifier.enabled", "false")]).start();
    run.settle_until(|run| !run.deliveries().is_empty());
    run.interrupt().settle();
    assert_eq!((told(&run), run.exit()), (vec![], Some(0)));
}

/// What makes the classifier have a choice.
const CHOICE: [(&str, &str); 1] = [("loop.prices", "small=1/1")];

/// The task's worktree is ready, and the classifier has not answered.
fn unclassified() -> World {
    let mut run = unanswered(&CHOICE).start();
    run.settle();
    assert!(run.journal.iter().any(|event| matches!(event, JournalEvent::Prepared { .. })));
    assert_eq!((run.running(), run.exit()), (vec![], None));
    run
}

#[test]
fn an_iteration_waits_for_the_classifier() {
    let mut run = unclassified();
    run.release(&Place::Helpers);
    run.to_end();
    assert_eq!(run.landed(), ["a"]);
    assert_eq!((told(&run), run.exit()), (vec![Helper::Classifier, Helper::Summary], Some(0)));
}

#[test]
fn a_stop_gives_up_what_waits_for_the_classifier_and_its_tokens_count() {
    let mut run = unclassified();
    run.cancel_now().settle();
    assert_eq!((run.state_of("a"), run.exit()), ("open".to_owned(), None));
    assert!(run.ended()[0].ends_with("cancelled"), "{:?}", run.ended());
    run.release(&Place::Helpers);
    run.to_end();
    assert_eq!((told(&run), run.exit()), (vec![Helper::Classifier], Some(5)));
}

#[test]
fn a_signal_waits_for_no_classifier() {
    let mut run = unclassified();
    run.interrupt().settle();
    assert_eq!((told(&run), run.exit()), (vec![], Some(130)));
    assert!(run.ended()[0].ends_with("cancelled"), "{:?}", run.ended());
}

#[test]
fn a_task_that_is_taken_waits_for_no_classifier() {
    let mut run = unclassified();
    run.tracker.close(&"a".into(), "done by hand", &Actor::new("ann")).expect("it can be closed");
    run.tracker_changed().settle();
    assert!(run.ended()[0].ends_with("cancelled"), "{:?}", run.ended());
}
