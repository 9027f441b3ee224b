//! What every real agent is tested with in the same way.

use hew_testkit::mock_model::Answer;
use hew_testkit::real_agent::{RealStage, work};

/// A gate that is green.
pub(crate) const TRUE: [&str; 2] = ["--gate", "true"];

/// The first moment of the year 2100: longer than any run waits.
pub(crate) const FAR: i64 = 4_102_444_800;

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
