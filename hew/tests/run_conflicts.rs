//! Two changes that don't merge (landing.md L10): tried again on the new tip, then left to a person with everything in
//! place.

use hew_testkit::loop_stage::LoopStage;

/// Two tasks that write the same file; the second one starts before the first lands, on every attempt.
fn stage() -> (LoopStage, String, String) {
    let stage = LoopStage::new();
    let clash = stage.path("clash").display().to_string();
    let first = stage.task(
        "First",
        &format!("wait-for {clash}/second-started\nwrite same.txt first\ncommit First\ndone"),
    );
    let second = stage.task("Second", "exit 9");
    (stage, first, second)
}

#[test]
fn work_that_does_not_merge_is_done_again_on_the_new_tip_with_the_conflict_in_its_prompt() {
    let (stage, first, second) = stage();
    let clash = stage.path("clash").display().to_string();
    let landed = stage.path("landed").display().to_string();
    stage.script(
        &format!("{second}.1"),
        &format!("write same.txt second\ncommit Second\ntouch {clash}/second-started\nwait-for {landed}\ndone"),
    );
    stage.script(&format!("{second}.2"), "append same.txt \\nsecond\ncommit Second\ndone");
    let mut run = stage.start(&["--jobs", "2"]);
    run.wait_until("a landing", || stage.has_event(|entry| entry["kind"] == "landed"));
    std::fs::write(&landed, "").unwrap();
    let ran = run.end();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&first), ["closed"]);
    assert_eq!(stage.outcomes(&second), ["conflict", "closed"]);
    assert_eq!(stage.file_at("main", "same.txt").unwrap(), "first\nsecond");
}
