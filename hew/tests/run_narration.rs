//! What a run tells while it goes, by `-q` and `-v`.

use hew_testkit::loop_stage::LoopStage;

#[test]
fn verbose_tells_what_each_agent_is_run_with_and_quiet_tells_nothing() {
    for (flag, tells, tells_more) in
        [("--until-empty", true, false), ("-v", true, true), ("-q", false, false)]
    {
        let stage = LoopStage::new();
        let task = stage.task("Work", "write work.txt work\ncommit Work\ndone");
        let ran = stage.run(&["--no-gate", flag]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(ran.stderr.contains("landed"), tells, "{flag}: {}", ran.stderr);
        let plan = format!("w0 iter 1 {task}: runtime=stub (");
        assert_eq!(ran.stderr.contains(&plan), tells_more, "{flag}: {}", ran.stderr);
        assert!(ran.stdout.contains(&task), "{flag}: the result is printed in any case: {}", ran.stdout);
    }
}
