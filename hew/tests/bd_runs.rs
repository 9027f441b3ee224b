//! Whole runs whose tasks live in the real bd.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use hew_testkit::bd;
use hew_testkit::loop_stage::{LoopStage, wait_until};
use serde_json::Value;

/// A project that tracks its beads' settings, as `bd init` leaves them; `None` without bd.
fn stage() -> Option<LoopStage> {
    bd::program()?;
    let stage = LoopStage::new();
    bd::make_store(stage.repo.root());
    // As `bd init` leaves it: bd locks its folder by a file beside it.
    stage.repo.write(".gitignore", "*.gate.lock*\n");
    stage.repo.commit("Beads");
    Some(stage)
}

fn beads(stage: &LoopStage) -> PathBuf {
    stage.repo.root().join(".beads")
}

/// A task as bd itself shows it.
fn shown(stage: &LoopStage, id: &str) -> Value {
    let text = bd::bd(&beads(stage), "tester", &["list", "--all", "--limit", "0", "--json", "--id", id]);
    let tasks: Value = serde_json::from_str(&text).expect("bd answers JSON");
    tasks[0].clone()
}

/// The last question whether something changed may be under way when a run ends; it ends by itself.
fn assert_left_clean(stage: &LoopStage) {
    wait_until("the end of bd's last answer", || stage.processes().is_empty());
    stage.assert_left_clean();
}

fn assert_checkout_is_clean(stage: &LoopStage) {
    assert_eq!(stage.repo.git(&["status", "--porcelain"]), "", "nothing of bd's dirties the checkout");
    assert_eq!(stage.repo.git(&["diff", "--cached", "--name-only"]), "", "nothing is staged");
}

#[test]
fn a_graph_in_bd_is_drained_and_every_task_closed_with_what_landed() {
    let Some(stage) = stage() else { return };
    let work = |name: &str| format!("write {name}.txt {name}\ncommit {name}\ndone {name} works");
    let epic = stage.task_with("Epic", &["-t", "epic"], "");
    let first =
        stage.task_with("First", &["-p", "0", "-l", "model:opus,x", "--parent", &epic], &work("first"));
    let seen = stage.path("seen.json");
    let record = format!("record {}\n{}", seen.display(), work("second"));
    let second = stage.task_with("Second", &["--parent", &epic, "--dep", &first], &record);
    let third = stage.task_with("Third", &["--dep", &second], &work("third"));
    let beside = stage.task_with("Beside", &["-p", "4"], &work("beside"));
    let task = stage.show(&first);
    assert_eq!((&task["priority"], &task["labels"]), (&0.into(), &serde_json::json!(["model:opus", "x"])));

    let ran = stage.run(&["--jobs", "3"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("tasks in bd 1."), "{}", ran.stderr);
    assert!(ran.stderr.contains("there is a folder .beads, and bd can be run"), "{}", ran.stderr);
    let run: Value =
        serde_json::from_str(&fs::read_to_string(stage.run_folder().join("run.json")).unwrap()).unwrap();
    assert_eq!(run["tracker"]["kind"], "bd");
    assert_eq!(run["tracker"]["place"], beads(&stage).display().to_string());

    let landed = stage.journal_of("landed");
    for id in [&first, &second, &third, &beside] {
        let task = shown(&stage, id);
        let sha = landed.iter().find(|entry| entry["task"] == id.as_str()).unwrap()["sha"].as_str().unwrap();
        assert_eq!(task["status"], "closed");
        let reason = task["close_reason"].as_str().unwrap();
        assert!(reason.starts_with(&format!("landed {sha}: ")), "{reason}");
    }
    assert_eq!(shown(&stage, &epic)["status"], "open", "epics are a person's to close");
    let order: Vec<Value> = landed.iter().map(|entry| entry["task"].clone()).collect();
    let place = |id: &String| order.iter().position(|known| known == id.as_str()).unwrap();
    assert!(place(&first) < place(&second) && place(&second) < place(&third));
    assert_eq!(stage.repo.read("third.txt").as_deref(), Some("third"));

    let seen: Value = serde_json::from_str(&fs::read_to_string(seen).unwrap()).unwrap();
    let started = stage.journal_of("iteration_started");
    let actor = &started.iter().find(|entry| entry["task"] == second.as_str()).unwrap()["actor"];
    assert_eq!(seen["env"]["BEADS_DIR"], beads(&stage).display().to_string());
    assert_eq!((&seen["env"]["BEADS_ACTOR"], &seen["env"]["BD_ACTOR"]), (actor, actor));
    assert_eq!(seen["env"]["BD_EXPORT_AUTO"], "false");
    assert_checkout_is_clean(&stage);
    assert_left_clean(&stage);
}

#[test]
fn what_an_agent_does_in_bd_counts_only_once_it_has_landed() {
    let Some(stage) = stage() else { return };
    stage.repo.write("gate.sh", "test ! -e bad.txt\n");
    stage.repo.commit("Gate");
    let good = stage.task("Good", "");
    stage.script(&good, &format!("write good.txt g\ncommit Good\nbd close {good} -r finished"));
    let bad = stage.task_with("Bad", &["-p", "0"], "");
    stage.script(&bad, &format!("write bad.txt b\ncommit Bad\nbd close {bad} -r finished"));
    let after = stage.task_with("After", &["--dep", &bad], "write after.txt a\ncommit After\ndone");
    let ran = stage.run(&["--gate", "sh gate.sh", "--max-attempts", "1"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(
        (stage.outcomes(&good), stage.outcomes(&bad)),
        (vec!["closed".to_owned()], vec!["backpressure_fail".to_owned()])
    );
    assert_eq!(stage.outcomes(&after), Vec::<String>::new(), "what waits for it never started");
    let reopened = shown(&stage, &bad);
    assert_eq!((&reopened["status"], reopened.get("assignee")), (&"open".into(), None));
    assert!(reopened["notes"].as_str().unwrap().contains("gate"), "{reopened}");
    assert_eq!(reopened["labels"], serde_json::json!(["hew:parked"]));
    let closed = shown(&stage, &good);
    let landed = stage.journal_of("landed")[0]["sha"].as_str().unwrap().to_owned();
    assert_eq!(closed["status"], "closed");
    assert_eq!(
        closed["close_reason"],
        format!("landed {landed}: closed in the tracker by the agent: finished"),
        "its own reason is kept"
    );
    assert_checkout_is_clean(&stage);
    assert_left_clean(&stage);
}

#[test]
fn a_task_that_a_person_closes_meanwhile_stays_closed_and_its_work_is_kept() {
    let Some(stage) = stage() else { return };
    let started = stage.path("started");
    let task = stage.task("A", &format!("write a.txt a\ncommit A\ntouch {}\nhang", started.display()));
    let mut run = stage.start(&[]);
    run.wait_for(&started);
    bd::bd(&beads(&stage), "ann", &["close", &task, "--force", "-r", "not wanted"]);
    let ran = run.end();
    assert_eq!(stage.outcomes(&task), ["cancelled"], "{}", ran.stderr);
    let closed = shown(&stage, &task);
    assert_eq!((&closed["status"], &closed["close_reason"]), (&"closed".into(), &"not wanted".into()));
    assert_eq!(stage.refs("refs/hew").len(), 1, "its work is anchored");
    assert_left_clean(&stage);
}

#[test]
fn a_claim_that_somebody_else_wins_costs_nothing_but_the_next_task() {
    let Some(stage) = stage() else { return };
    let wanted = stage.task_with("Wanted", &["-p", "0"], "write wanted.txt w\ncommit W\ndone");
    let next = stage.task("Next", "write next.txt n\ncommit N\ndone");
    // A bd that lets somebody else be quicker, between the list and hew's claim.
    let program = stage.path("quick-bd");
    let text = format!(
        "#!/bin/sh\nif [ \"$1 $2 $3\" = \"update {wanted} --claim\" ] && mkdir {} 2>/dev/null; then\n\
         bd update {wanted} --claim --actor rival >/dev/null\nfi\nexec bd \"$@\"\n",
        stage.path("claimed").display()
    );
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    stage.settings(&format!("tracker.command = \"{}\"", program.display()));
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!((stage.outcomes(&wanted), stage.outcomes(&next)), (Vec::new(), vec!["closed".to_owned()]));
    let lost = stage.journal_of("tick").into_iter().find(|tick| tick.to_string().contains("held by rival"));
    assert!(lost.is_some(), "{:?}", stage.journal_of("tick"));
    let held = shown(&stage, &wanted);
    assert_eq!((&held["status"], &held["assignee"]), (&"in_progress".into(), &"rival".into()));
    assert_left_clean(&stage);
}

#[test]
fn a_conflict_that_stays_is_filed_in_bd_and_beads_own_files_never_land() {
    let Some(stage) = stage() else { return };
    let config = stage.repo.read(".beads/config.yaml").unwrap();
    let (ready, go) = (stage.path("ready"), stage.path("go"));
    let first = format!(
        "write a.txt first\nappend .beads/config.yaml \\n# agent\\n\nwrite .beads/more.yaml x\ncommit First\n\
         append .beads/config.yaml \\n# more\\n\ntouch {}\ndone",
        go.display()
    );
    let first = stage.task_with("First", &["-p", "0"], &format!("wait-for {}\n{first}", ready.display()));
    let second = stage.task(
        "Second",
        &format!(
            "write a.txt second\nappend .beads/config.yaml \\n# other\\n\ncommit Second\ntouch {}\nwait-for {}\ndone",
            ready.display(),
            stage.path("landed").display()
        ),
    );
    let mut run = stage.start(&["--jobs", "2", "--max-attempts", "1"]);
    run.wait_until("the first landing", || stage.has_event(|entry| entry["kind"] == "landed"));
    fs::write(stage.path("landed"), "").unwrap();
    let ran = run.end();
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert_eq!(
        (stage.outcomes(&first), stage.outcomes(&second)),
        (vec!["closed".to_owned()], vec!["conflict".to_owned()])
    );
    let conflicted = &stage.journal_of("conflicted")[0];
    assert_eq!(conflicted["files"], serde_json::json!(["a.txt"]), "beads' files conflict with nothing");
    let tip = stage.run_branch().unwrap();
    assert_eq!(stage.file_at(&tip, ".beads/config.yaml").as_deref(), Some(config.as_str()));
    assert_eq!(stage.file_at(&tip, ".beads/more.yaml"), None);
    let bug = stage.tasks().into_values().find(|task| task["issue_type"] == "bug").unwrap();
    let bug = shown(&stage, bug["id"].as_str().unwrap());
    assert_eq!(bug["title"], format!("[merge-conflict] {second} Second"));
    assert_eq!(bug["metadata"]["hew.conflict_of"], second.as_str());
    assert_eq!((&bug["priority"], &bug["labels"]), (&2.into(), &serde_json::json!(["merge-conflict"])));
    assert_eq!(shown(&stage, &second)["labels"], serde_json::json!(["hew:parked"]));
    assert_checkout_is_clean(&stage);
}

#[test]
fn a_run_that_is_killed_leaves_bd_whole_and_its_claims_to_the_next() {
    let Some(stage) = stage() else { return };
    let started = stage.path("started");
    let task = stage.task("A", "write a.txt a\ncommit A\ndone");
    stage.script(&format!("{task}.1"), &format!("touch {}\nhang", started.display()));
    let mut run = stage.start(&[]);
    run.wait_for(&started);
    run.signal("SIGKILL");
    assert_eq!(run.end().code, 137);
    let held = shown(&stage, &task);
    assert_eq!(held["status"], "in_progress");
    assert!(held["assignee"].as_str().unwrap().starts_with("hew/loop-"), "{held}");
    fs::remove_file(stage.scripts().join(format!("{task}.1"))).unwrap();
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(shown(&stage, &task)["status"], "closed");
    assert_checkout_is_clean(&stage);
}

#[test]
fn tasks_of_bd_are_worked_on_by_hand_and_in_a_linked_worktree() {
    let Some(stage) = stage() else { return };
    let a = stage.task("A", "");
    let b = stage.task_with("B", &["--dep", &a], "");
    assert_eq!(stage.ok(&["task", "dep", "tree", &b]).lines().count(), 2);
    stage.ok(&["task", "claim", &a, "--actor", "ann"]);
    assert_eq!(shown(&stage, &a)["assignee"], "ann");
    let refused = stage.hew(&["task", "claim", &a, "--actor", "bob"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("held by ann"), "{}", refused.stderr);
    stage.ok(&["task", "note", &a, "a note"]);
    stage.ok(&["task", "close", &a, "--reason", "by hand", "--actor", "ann"]);
    assert!(stage.ok(&["task", "ready"]).contains(&b));
    stage.repo.git(&["worktree", "add", "--quiet", "../linked", "-b", "other"]);
    let mut list = stage.repo.hew_in(&stage.path("linked"), &["task", "list", "--all"]);
    let list = String::from_utf8(list.output().unwrap().stdout).unwrap();
    assert!(list.contains(&a) && list.contains(&b), "{list}");
    let missing = stage.hew(&["task", "show", &a[..a.len() - 1]]);
    assert_eq!(missing.code, 1, "a part of an id is no id: {}", missing.stdout);
    let file = stage.path("plan.toml");
    fs::write(&file, "[[task]]\nname = \"x\"\ntitle = \"X\"\nacceptance = \"it works\"\n\n[[task]]\ntitle = \"Y\"\ndepends_on = [\"x\"]\nmetadata = { n = 1 }\n").unwrap();
    let ids = stage.ok(&["task", "plan", "--id-only", &file.display().to_string()]);
    let ids: Vec<&str> = ids.lines().collect();
    assert_eq!(shown(&stage, ids[0])["acceptance_criteria"], "it works");
    let y = shown(&stage, ids[1]);
    assert_eq!((&y["metadata"]["n"], &y["dependencies"][0]["depends_on_id"]), (&1.into(), &ids[0].into()));
    assert_checkout_is_clean(&stage);
}

/// A program that is bd, and notes each call in a file: its first word, a line each.
fn counting(stage: &LoopStage) -> PathBuf {
    let (program, calls) = (stage.path("counting-bd"), stage.path("calls"));
    let text = format!("#!/bin/sh\necho \"$1\" >> '{}'\nexec bd \"$@\"\n", calls.display());
    fs::write(&program, text).expect("writable");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("writable");
    program
}

/// With several workers every call of bd's waits for its lock: no question is asked twice for one answer.
#[test]
fn a_task_takes_few_calls_of_the_program_however_many_workers_there_are() {
    let Some(stage) = stage() else { return };
    let tasks = 6;
    for number in 0..tasks {
        stage.task(&format!("T{number}"), &format!("write f{number}.txt x\ncommit F{number}\ndone"));
    }
    let program = counting(&stage);
    stage.settings(&format!("tracker.command = \"{}\"", program.display()));
    let ran = stage.run(&["--jobs", "3", "--no-gate"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let calls = fs::read_to_string(stage.path("calls")).unwrap();
    let count = |verb: &str| calls.lines().filter(|line| *line == verb).count();
    let all = calls.lines().count();
    let by_verb = format!(
        "{all}: {:?}",
        ["ready", "export", "list", "update", "close", "history"].map(|verb| (verb, count(verb)))
    );
    assert_eq!((count("update"), count("close"), count("history")), (tasks, tasks, 0), "{by_verb}");
    // Each task is read after its claim, after its agent, before its merge and before its close; the rest looks for what
    // others do to running tasks, and how often depends on how long the run takes.
    assert!(count("list") <= 5 * tasks + 6, "{by_verb}");
    // Each close reads everything once, for itself and for the next list, and each prompt names what else is ready.
    assert!(count("export") <= 3 * tasks + 12 && count("ready") <= 3 * tasks + 12, "{by_verb}");
    assert_left_clean(&stage);
}

#[test]
fn an_agent_in_a_sandbox_reads_and_writes_its_tasks() {
    if let Some(why) = hew::adapters::sandbox::kernel_problem() {
        eprintln!("SKIPPED: needs Landlock: {why}");
        return;
    }
    let has_strict = hew::adapters::strict::kernel_problem(Path::new(env!("CARGO_BIN_EXE_hew"))).is_none();
    for mode in ["worktree", "strict"].into_iter().filter(|mode| *mode != "strict" || has_strict) {
        let Some(stage) = stage() else { return };
        stage.settings(&format!("loop.sandbox.mode = \"{mode}\""));
        let own = "${HEW_TASK_ID}";
        let id = stage.task(
            "Inside",
            &format!("bd show {own}\nhew task show {own}\nhew task note {own} by-hew\nbd comment {own} by-bd\nwrite x x\ndone"),
        );
        let ran = stage.run(&["--no-gate"]);
        assert_eq!((ran.code, stage.outcomes(&id)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
        assert!(shown(&stage, &id).to_string().contains("by-hew"));
        assert_checkout_is_clean(&stage);
        assert_left_clean(&stage);
    }
}

/// bd's hooks lie in the tracker's folder, which agents write: hew runs them only where no sandbox is to keep agents in.
#[test]
fn a_hook_of_bds_that_an_agent_in_a_sandbox_wrote_is_not_run_by_hew() {
    if let Some(why) = hew::adapters::sandbox::kernel_problem() {
        eprintln!("SKIPPED: needs Landlock: {why}");
        return;
    }
    for mode in ["worktree", "off"] {
        let Some(stage) = stage() else { return };
        let (agent, mark) = (stage.path("agent.sh"), stage.path("mark"));
        let hook = format!("#!/bin/sh\necho \"$0\" >> {}\n", mark.display());
        let script = format!(
            "mkdir -p \"$BEADS_DIR/hooks\"\nfor name in on_create on_update on_close; do\n\
             cat > \"$BEADS_DIR/hooks/$name\" <<'END'\n{hook}END\n\
             chmod +x \"$BEADS_DIR/hooks/$name\"\ndone\necho x > x\n"
        );
        fs::write(&agent, script).expect("the temporary folder can be written");
        stage.settings(&format!(
            "loop.sandbox.mode = \"{mode}\"\n[loop.runtime_defs.one]\ncommand = \"sh\"\nargs = [\"{}\"]\n\
             done_on_exit_zero = true",
            agent.display()
        ));
        let id = stage.task("Plant", "");
        let ran = stage.run(&["--no-gate", "--runtime", "one"]);
        assert_eq!((ran.code, stage.outcomes(&id)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
        assert!(beads(&stage).join("hooks/on_close").exists());
        if mode == "off" {
            wait_until("bd's own hook", || mark.exists());
        } else {
            let ran = fs::read_to_string(&mark).unwrap_or_default();
            assert_eq!(ran, "", "a hook of the agent's ran outside of its sandbox");
        }
    }
}
