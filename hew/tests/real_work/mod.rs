//! What every real agent is tested with in the same way.

use std::path::Path;

use hew_testkit::loop_stage::wait_until;
use hew_testkit::mock_model::{Answer, Refusal};
use hew_testkit::real_agent::{RealStage, endless_work, work};

/// A gate that is green.
pub(crate) const TRUE: [&str; 2] = ["--gate", "true"];

/// The first moment of the year 2100: longer than any run waits.
const FAR: i64 = 4_102_444_800;

/// Two workers drain three tasks.
pub(crate) fn three_tasks(real: &RealStage) {
    let first = real.task("First", &["-d", "Add the first file."], work("first"));
    let second = real.task("Second", &[], work("second"));
    let third = real.task("Third", &["--dep", &first], work("third"));
    let ran = real.run(&[&TRUE[..], &["--jobs", "2"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for (id, name) in [(&first, "first"), (&second, "second"), (&third, "third")] {
        assert_eq!(real.stage.status(id), "closed");
        assert_eq!(real.stage.outcomes(id), ["closed"]);
        assert_eq!(
            real.stage.repo.read(&format!("{name}.txt")).expect("it was delivered"),
            format!("{name}\n")
        );
        let prompt = real.stage.prompt(id, 1);
        let asked = real.asked(id);
        assert!(asked.len() == 3 && asked.iter().all(|asked| asked.prompt.contains(prompt.trim())));
    }
    real.assert_tokens_are_those_reported();
    real.stage.assert_left_clean();
}

/// A provider that has no room for a second.
pub(crate) fn too_many_requests(real: &RealStage) {
    let id = real.task("Waits", &[], [vec![Answer::rate_limit(1)], work("waits")].concat());
    let ran = real.run(&TRUE);
    assert_eq!((ran.code, real.stage.outcomes(&id)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
    assert_eq!(real.asked(&id).len(), 4);
    real.assert_tokens_are_those_reported();
}

/// The same with the kernel keeping it to its clone: what it tries outside is refused, and it works on.
pub(crate) fn in_a_sandbox(real: &RealStage) {
    if let Some(why) = hew::adapters::sandbox::kernel_problem() {
        eprintln!("SKIPPED: needs Landlock: {why}");
        return;
    }
    real.settings("loop.sandbox.mode = \"worktree\"");
    let outside = real.stage.path("home/outside");
    let touch = Answer::shell(&format!("touch {} 2>refused; echo tried >> refused", outside.display()));
    let id = real.task("Inside", &[], [vec![touch], work("inside")].concat());
    let ran = real.run(&TRUE);
    assert_eq!((ran.code, real.stage.outcomes(&id)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
    let refused = real.stage.repo.read("refused").expect("it was committed");
    assert!(refused.contains("Permission denied") && refused.contains("tried"), "{refused}");
    assert!(!outside.exists());
    real.assert_tokens_are_those_reported();
    real.stage.assert_left_clean();
}

/// The same with no network but its model's server: what else it tries is told, and it works on. `more` is a line of
/// settings, in which `<place>` is the server's host and port.
pub(crate) fn with_its_server_alone(real: &RealStage, more: &str) {
    if let Some(why) = hew::adapters::strict::kernel_problem(Path::new(env!("CARGO_BIN_EXE_hew"))) {
        eprintln!("SKIPPED: needs namespaces and Landlock: {why}");
        return;
    }
    let url = real.server.url();
    let more = more.replace("<place>", url.trim_start_matches("http://").trim_end_matches('/'));
    real.settings(&format!("loop.sandbox.mode = \"strict\"\n{more}"));
    let curl = Answer::shell("curl -sS https://example.org >tried 2>&1; echo $? >>tried");
    let id = real.task("Alone", &[], [vec![curl], work("alone")].concat());
    let ran = real.run(&TRUE);
    assert_eq!((ran.code, real.stage.outcomes(&id)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
    let tried = real.stage.repo.read("tried").expect("it was committed");
    assert!(tried.contains("403") || tried.contains("not found"), "{tried}");
    if tried.contains("403") {
        assert!(
            ran.stderr.contains("the agent asked for") && ran.stderr.contains("example.org:443"),
            "{}",
            ran.stderr
        );
    }
    real.assert_tokens_are_those_reported();
    real.stage.assert_left_clean();
}

/// A model that never answers: its agent is stopped with all that it started.
pub(crate) fn a_model_that_never_answers(real: &RealStage) {
    real.settings("loop.kill_grace = \"1s\"");
    let begin = Answer::shell("setsid -f tail -f /dev/null >/dev/null 2>&1; echo half > half.txt");
    let id = real.task("Hangs", &[], [begin, Answer::Hang]);
    let ran = real.run(&[&TRUE[..], &["--max-attempts", "1", "--timeout", "20s"]].concat());
    assert_eq!((ran.code, real.stage.outcomes(&id)), (1, vec!["timed_out".to_owned()]), "{}", ran.stderr);
    let work = real.stage.journal_of("collected").pop().expect("it was collected");
    assert_eq!(
        real.stage
            .file_at(work["head_sha"].as_str().expect("a commit"), "half.txt")
            .expect("it is in the commit"),
        "half\n"
    );
    real.stage.assert_left_clean();
}

/// Nothing outlives a run that is ended by a signal or cancelled.
pub(crate) fn ended_by_a_signal_or_cancelled(real: &RealStage) {
    real.settings("loop.stop_grace = \"0s\"\nloop.kill_grace = \"1s\"");
    let id = real.task("Endless", &[], endless_work());
    let run = real.start_and_wait_for_work(&TRUE);
    run.signal("SIGTERM");
    let ran = run.end();
    assert_eq!((ran.code, real.stage.outcomes(&id)), (143, vec!["cancelled".to_owned()]), "{}", ran.stderr);
    real.stage.assert_left_clean();
    let run = real.start_and_wait_for_work(&TRUE);
    real.stage.ok(&["loop", "cancel", "--now"]);
    let ran = run.end();
    assert_eq!((ran.code, real.stage.outcomes(&id)), (5, vec!["cancelled".to_owned()]), "{}", ran.stderr);
    real.stage.assert_left_clean();
}

/// A used up allowance ends the run without another question.
pub(crate) fn a_used_up_allowance(real: &RealStage) {
    let limit = Answer::Refuse(Refusal::UsageLimit { resets_at: FAR });
    let first = real.task("First", &[], [limit]);
    real.task("Second", &["--dep", &first], work("second"));
    let ran = real.run(&[&TRUE[..], &["--budget-wall", "1h"]].concat());
    assert_eq!(ran.code, 6, "{}", ran.stderr);
    assert!(real.stage.is_free(&first));
    assert_eq!(real.asked(&first).len(), 1);
    assert!(real.stage.journal_of("run_ended")[0]["stop_reason"] == "quota");
    real.stage.assert_left_clean();
}

/// Nothing outlives a run that is killed.
pub(crate) fn killed(real: &RealStage) {
    let id = real.task("Endless", &[], endless_work());
    let run = real.start_and_wait_for_work(&TRUE);
    run.signal("SIGKILL");
    assert_eq!(run.end().code, 137);
    wait_until("the end of everything", || real.stage.processes().is_empty());
    assert_eq!(real.asked(&id).len(), 1);
}
