//! What a model server is asked beside iterations: what waits for its answers, and what does not.

use hew_core::helper::Helper;
use hew_core::record::JournalEvent;
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
