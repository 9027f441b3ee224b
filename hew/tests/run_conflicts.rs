//! Two changes that don't merge (landing.md L10): tried again on the new tip, then left to a person with everything in
//! place.

use hew_testkit::loop_stage::{LoopStage, Ran, Running};
use serde_json::Value;

fn lets_go(stage: &LoopStage, name: &str) {
    std::fs::write(stage.path(name), "").unwrap();
}

fn wait_for_landing(stage: &LoopStage, run: &mut Running, task: &str) {
    run.wait_until("a landing", || {
        stage.has_event(|entry| entry["kind"] == "landed" && entry["task"] == task)
    });
}

#[test]
fn work_that_does_not_merge_is_done_again_on_the_new_tip_with_the_conflict_in_its_prompt() {
    let stage = LoopStage::new();
    let here = stage.path("").display().to_string();
    let first =
        stage.task("First", &format!("wait-for {here}wrote\nwrite same.txt first\ncommit First\ndone"));
    let second = stage.task("Second", "exit 9");
    let clash =
        format!("write same.txt second\ncommit Second\ntouch {here}wrote\nwait-for {here}landed\ndone");
    stage.script(&format!("{second}.1"), &clash);
    stage.script(&format!("{second}.2"), "append same.txt \\nsecond\ncommit Second\ndone");
    let mut run = stage.start(&["--jobs", "2"]);
    wait_for_landing(&stage, &mut run, &first);
    lets_go(&stage, "landed");
    let ran = run.end();

    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&first), ["closed"]);
    assert_eq!(stage.outcomes(&second), ["conflict", "closed"]);
    assert_eq!(stage.file_at("main", "same.txt").unwrap(), "first\nsecond");
    assert_eq!(stage.rev("main"), stage.run_branch());
    assert_eq!(stage.status(&second), "closed");
    assert!(!stage.has_label(&second, "hew:parked"));
    assert_eq!(stage.tasks().len(), 2, "a conflict that was mended files no task");

    let conflict = stage.journal_of("conflicted").remove(0);
    let prompt = stage.prompt(&second, 2);
    for told in ["tip", "work", "anchor"] {
        let told = conflict[told].as_str().unwrap();
        assert!(prompt.contains(told), "{told} is not in the prompt: {prompt}");
    }
    assert!(prompt.contains("- same.txt"), "{prompt}");
    assert!(!stage.prompt(&second, 1).contains("same.txt"));
    let begun = stage.journal_of("iteration_started");
    assert_eq!(begun[2]["base_sha"], conflict["tip"], "the second attempt starts at the new tip");
    stage.assert_left_clean();
}

/// Second conflicts twice: with what First landed, then with what Third landed. Fourth has nothing to do with it.
fn tasks_that_conflict_twice(stage: &LoopStage) -> [String; 4] {
    let here = stage.path("").display().to_string();
    let first =
        stage.task("First", &format!("wait-for {here}wrote-1\nwrite same.txt first\ncommit First\ndone"));
    let second = stage.task("Second 'it' \u{1b}[31m\"does\"", "exit 9");
    for attempt in ["1", "2"] {
        let write = format!("append same.txt second\ncommit Second\ntouch {here}wrote-{attempt}");
        let script = format!("{write}\nwait-for {here}landed-{attempt}\ndone");
        stage.script(&format!("{second}.{attempt}"), &script);
    }
    // It starts from what First landed, so that it is never the one that conflicts.
    let write = format!("wait-for {here}wrote-2\nwrite same.txt third\ncommit Third\ndone");
    let third = stage.task_with("Third", &["--dep", &first], &write);
    let fourth = stage.task("Fourth", "write fourth.txt 4\ncommit Fourth\ndone");
    [first, second, third, fourth]
}

fn conflict_twice(stage: &LoopStage, first: &str, third: &str) -> Ran {
    let mut run = stage.start(&["--jobs", "2", "--max-attempts", "2"]);
    for (landed, lets_go_on) in [(first, "landed-1"), (third, "landed-2")] {
        wait_for_landing(stage, &mut run, landed);
        lets_go(stage, lets_go_on);
    }
    run.end()
}

#[test]
fn a_conflict_with_all_attempts_used_up_is_left_to_a_person_with_everything_in_place() {
    let stage = LoopStage::new();
    let [first, second, third, fourth] = tasks_that_conflict_twice(&stage);
    let ran = conflict_twice(&stage, &first, &third);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&second), ["conflict", "conflict"]);

    // The others land, and are delivered.
    for task in [&first, &third, &fourth] {
        assert_eq!(stage.outcomes(task), ["closed"]);
        assert_eq!(stage.status(task), "closed");
    }
    assert_eq!(stage.rev("main"), stage.run_branch());
    assert_eq!(stage.file_at("main", "same.txt").unwrap(), "third");
    assert_eq!(stage.repo.read("fourth.txt").unwrap(), "4");

    // The task is parked, its work anchored.
    assert!(stage.is_free(&second) && stage.has_label(&second, "hew:parked"));
    let conflicts = stage.journal_of("conflicted");
    for conflict in &conflicts {
        let anchor = conflict["anchor"].as_str().unwrap();
        assert_eq!(stage.rev(anchor).as_deref(), conflict["work"].as_str(), "{anchor}");
    }

    // A worktree stands at the work.
    let last = &conflicts[1];
    let worktrees = stage.worktrees();
    assert_eq!(worktrees.len(), 1, "{worktrees:?}");
    assert!(worktrees[0].ends_with(format!("{}/conflict-{second}", stage.run_id())), "{worktrees:?}");
    assert_eq!(stage.repo.rev_in(&worktrees[0], "HEAD").as_str(), last["work"].as_str().unwrap());
    assert_eq!(stage.repo.git_in(&worktrees[0], &["status", "--porcelain"]), "");

    let bug = only_bug(&stage, &[&first, &second, &third, &fourth]);
    assert_bug_tells_everything(&bug, &second, last);
    assert_eq!(
        stage.outcomes(bug["id"].as_str().unwrap()),
        Vec::<String>::new(),
        "filed here, not done here"
    );
    stage.repo.fsck_clean();
    stage.assert_nothing_runs();
}

fn only_bug(stage: &LoopStage, others: &[&String]) -> Value {
    let mut tasks = stage.tasks();
    for other in others {
        tasks.remove(*other);
    }
    assert_eq!(tasks.len(), 1, "one bug task for one conflict");
    tasks.into_values().next().unwrap()
}

fn assert_bug_tells_everything(bug: &Value, task: &str, conflict: &Value) {
    let title = bug["title"].as_str().unwrap();
    assert!(title.starts_with(&format!("[merge-conflict] {task} Second 'it'")), "{title}");
    assert_eq!((&bug["issue_type"], &bug["priority"]), (&"bug".into(), &2.into()));
    assert_eq!(bug["labels"], serde_json::json!(["merge-conflict"]));
    assert_eq!(bug["metadata"]["hew.conflict_of"], *task);
    assert_eq!(bug["status"], "open");
    let description = bug["description"].as_str().unwrap();
    let worker = format!("w{}", conflict["worker"]);
    let told = ["tip", "work", "anchor"].map(|field| conflict[field].as_str().unwrap().to_owned());
    for told in told.iter().map(String::as_str).chain(["same.txt", &worker, "git diff"]) {
        assert!(description.contains(told), "{told} is not in: {description}");
    }
}

#[test]
fn landing_the_bug_task_with_the_work_merged_closes_the_original_too() {
    let stage = LoopStage::new();
    let [first, second, third, fourth] = tasks_that_conflict_twice(&stage);
    assert_eq!(conflict_twice(&stage, &first, &third).code, 3);
    let work = stage.journal_of("conflicted")[1]["work"].as_str().unwrap().to_owned();
    let bug = only_bug(&stage, &[&first, &second, &third, &fourth]);
    let bug = bug["id"].as_str().unwrap();

    stage.script(bug, &format!("try-git merge {work}\nwrite same.txt third\\nsecond\ncommit Resolve\ndone"));
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.outcomes(bug), ["closed"]);
    assert_eq!(stage.status(bug), "closed");
    assert_eq!(stage.status(&second), "closed");
    assert_eq!(stage.file_at("main", "same.txt").unwrap(), "third\nsecond");
    stage.repo.git(&["merge-base", "--is-ancestor", &work, "main"]);
    assert_eq!(stage.journal_of("iteration_started").len(), 1, "the parked original is not tried");
}

#[test]
fn a_bug_task_done_without_the_work_leaves_the_original_parked() {
    let stage = LoopStage::new();
    let [first, second, third, fourth] = tasks_that_conflict_twice(&stage);
    assert_eq!(conflict_twice(&stage, &first, &third).code, 3);
    let bug = only_bug(&stage, &[&first, &second, &third, &fourth]);
    let bug = bug["id"].as_str().unwrap();
    stage.script(bug, "write same.txt else\ncommit Resolve\ndone");
    assert_eq!(stage.run(&[]).code, 1, "the original is still parked");
    assert_eq!(stage.status(bug), "closed");
    assert!(stage.is_free(&second) && stage.has_label(&second, "hew:parked"));
}
