//! What a project's settings run takes effect once a person has trusted it: through the real binary.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use hew_testkit::loop_stage::{LoopStage, Ran, ran};
use hew_testkit::terminal::ran_on_terminal;
use serde_json::Value;

const RUN: [&str; 4] = ["loop", "run", "--scope", "ready"];

/// A project with a task, whose own file has a gate that shows that it was run.
fn stage() -> LoopStage {
    let stage = LoopStage::new();
    gate(&stage, "first");
    stage.repo.commit("Settings");
    stage.task("Work", "write work.txt w\ncommit Work\ndone");
    stage
}

fn gate(stage: &LoopStage, name: &str) {
    stage.repo.write(
        ".hew.toml",
        &format!("# ours\n[loop]\njobs = 1\n[loop.gate]\ncommand = \"{}\"\n", shows(stage, name)),
    );
}

/// A command that leaves a file beside the project.
fn shows(stage: &LoopStage, name: &str) -> String {
    format!("touch {}", stage.path(name).display())
}

/// hew without the trust that tests have else.
fn command(stage: &LoopStage, args: &[&str]) -> Command {
    let mut command = stage.repo.hew(args);
    command.env_remove("HEW_TRUST");
    command
}

fn hew(stage: &LoopStage, args: &[&str]) -> Ran {
    ran(command(stage, args))
}

/// Files below hew's home in which trust is recorded.
fn records(stage: &LoopStage) -> Vec<PathBuf> {
    let folders = fs::read_dir(stage.repo.hew_home().join("trust")).into_iter().flatten().flatten();
    let files = folders.flat_map(|folder| fs::read_dir(folder.path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn nothing_of_a_projects_file_is_run_before_it_is_trusted() {
    let stage = stage();
    let before = stage.snapshot();
    let refused = hew(&stage, &RUN);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    let place = stage.repo.root().join(".hew.toml");
    let line = format!("{}:5: loop.gate.command = {}", place.display(), shows(&stage, "first"));
    for told in [line.as_str(), "hew trust"] {
        assert!(refused.stderr.contains(told), "{told}: {}", refused.stderr);
    }
    let json = hew(&stage, &[&["--json"], &RUN[..]].concat());
    let error: Value = serde_json::from_str(json.stdout.trim()).unwrap();
    assert_eq!(
        (&error["kind"], &error["code"], &error["causes"][0]),
        (&"error".into(), &2.into(), &line.as_str().into())
    );
    assert_eq!(stage.snapshot(), before);
    assert!(stage.run_folders().is_empty() && !stage.path("first").exists() && records(&stage).is_empty());

    let shown = hew(&stage, &["trust", "--show"]);
    assert_eq!((shown.code, shown.stdout.contains(&line)), (1, true), "{}", shown.stdout);
    assert!(records(&stage).is_empty(), "showing trusts nothing");
    let trusted = hew(&stage, &["trust"]);
    assert_eq!((trusted.code, trusted.stdout.contains(&line)), (0, true), "{}", trusted.stdout);
    let again = hew(&stage, &["trust", "--show", "--json"]);
    let again_json: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        (again.code, &again_json["trusted"], &again_json["changes"]),
        (0, &true.into(), &Value::Array(vec![]))
    );
    let [record] = &records(&stage)[..] else { panic!("one record: {:?}", records(&stage)) };
    assert_eq!(fs::metadata(record).unwrap().permissions().mode() & 0o777, 0o600);
    let ran = hew(&stage, &RUN);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(stage.path("first").exists());
}

#[test]
fn only_what_runs_something_is_asked_about_and_a_change_shows_old_and_new() {
    let stage = stage();
    assert_eq!(hew(&stage, &["trust"]).code, 0);
    let text = stage.repo.read(".hew.toml").unwrap();
    stage.repo.write(".hew.toml", &text.replace("# ours", "\n# theirs").replace("jobs = 1", "jobs = 2"));
    let ran = hew(&stage, &RUN);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    gate(&stage, "second");
    let refused = hew(&stage, &RUN);
    let told =
        format!("loop.gate.command = {} (trusted: {})", shows(&stage, "second"), shows(&stage, "first"));
    assert!(refused.code == 2 && refused.stderr.contains(&told), "{}", refused.stderr);
    stage.repo.write(".hew.toml", "loop.env.allow_push = true\n");
    let refused = hew(&stage, &RUN);
    for told in [":1: loop.env.allow_push = true", "loop.gate.command is gone"] {
        assert!(refused.code == 2 && refused.stderr.contains(told), "{}", refused.stderr);
    }
    stage.repo.write(".hew.toml", "loop.jobs = 1\n");
    assert_eq!(hew(&stage, &RUN).code, 0, "nothing in it needs trust");
}

#[test]
fn what_a_person_says_elsewhere_needs_no_trust() {
    let stage = stage();
    stage.repo.write(".hew.toml", "");
    stage.settings(&format!("loop.worktree.setup = \"{}\"", shows(&stage, "of-user")));
    let mut run = command(&stage, &[&RUN[..], &["--gate", &shows(&stage, "of-flag")]].concat());
    run.env("HEW_LOOP_ENV_ALLOW_PUSH", "true");
    let ran = ran(run);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(stage.path("of-user").exists() && stage.path("of-flag").exists());
}

#[test]
fn the_variable_trusts_all_for_one_call_and_never_reaches_an_agent() {
    let stage = stage();
    stage.settings("loop.env.pass = [\"PATH\", \"HOME\", \"HEW_*\"]");
    stage.task("Look", "record ${HEW_PROJECT}/../seen\nwrite look.txt l\ncommit Look\ndone");
    let mut wrong = command(&stage, &RUN);
    wrong.env("HEW_TRUST", "yes");
    let wrong = ran(wrong);
    assert!(
        wrong.code == 2 && wrong.stderr.contains("HEW_TRUST is `yes`; it can only be `all`"),
        "{}",
        wrong.stderr
    );
    let mut all = command(&stage, &RUN);
    all.env("HEW_TRUST", "all").env("HEW_OTHER", "o");
    let all = ran(all);
    assert_eq!(all.code, 0, "{}", all.stderr);
    let seen: Value = serde_json::from_slice(&fs::read(stage.path("seen")).unwrap()).unwrap();
    assert_eq!((&seen["env"]["HEW_OTHER"], seen["env"].get("HEW_TRUST")), (&"o".into(), None));
    assert!(records(&stage).is_empty(), "nothing is remembered of it");
}

#[test]
fn settings_that_an_agent_lands_wait_for_the_person() {
    let stage = stage();
    let new = shows(&stage, "of-agent");
    let change =
        stage.task("Change", &format!("write .hew.toml loop.gate.command = \"{new}\"\ncommit Change\ndone"));
    let after = stage.task_with("After", &["--dep", &change], "write after.txt a\ncommit After\ndone");
    assert_eq!(hew(&stage, &["trust"]).code, 0);
    let run = hew(&stage, &RUN);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(stage.outcomes(&after), ["closed"]);
    assert!(stage.repo.read(".hew.toml").unwrap().contains(&new), "it was delivered");
    assert!(!stage.path("of-agent").exists(), "the run kept the settings that it was started with");
    stage.task("Next", "write next.txt n\ncommit Next\ndone");
    let refused = hew(&stage, &RUN);
    assert!(refused.code == 2 && refused.stderr.contains(&new), "{}", refused.stderr);
    assert!(!stage.path("of-agent").exists());
    assert_eq!(hew(&stage, &["trust"]).code, 0);
    assert_eq!(hew(&stage, &RUN).code, 0);
    assert!(stage.path("of-agent").exists());
}

#[test]
fn deliveries_check_too_and_looking_does_not() {
    let stage = stage();
    stage.repo.write("work.txt", "mine, not committed");
    assert_eq!(hew(&stage, &["trust"]).code, 0);
    assert_eq!(hew(&stage, &RUN).code, 3, "the checkout is in the way");
    fs::remove_file(stage.repo.root().join("work.txt")).unwrap();
    let text = stage.repo.read(".hew.toml").unwrap();
    stage.repo.write(".hew.toml", &text.replace("touch", "echo"));
    for words in [
        &["loop", "summary"][..],
        &["config", "list"],
        &["task", "list"],
        &["loop", "run", "--dry-run", "--scope", "ready"],
    ] {
        assert_eq!(hew(&stage, words).code, 0, "{words:?}");
    }
    let dry = hew(&stage, &["loop", "run", "--dry-run", "--scope", "ready"]).stderr;
    assert!(dry.contains("not trusted (hew trust)") && dry.contains("loop.gate.command = echo"), "{dry}");
    let refused = hew(&stage, &["loop", "deliver"]);
    assert!(refused.code == 2 && refused.stderr.contains("loop.gate.command = echo"), "{}", refused.stderr);
    stage.repo.write(".hew.toml", &text);
    let delivered = hew(&stage, &["loop", "deliver"]);
    assert_eq!(delivered.code, 0, "{}", delivered.stderr);
}

#[test]
fn the_trackers_program_is_not_run_from_a_file_that_is_not_trusted() {
    let stage = stage();
    stage.repo.write(".hew.toml", &format!("tracker.command = \"{}\"\n", shows(&stage, "tracker")));
    for words in
        [&["task", "list"][..], &["loop", "run", "--dry-run", "--scope", "ready"], &["loop", "explain", "x"]]
    {
        let refused = hew(&stage, words);
        assert!(
            refused.code == 2 && refused.stderr.contains(".hew.toml:1: tracker.command"),
            "{}",
            refused.stderr
        );
    }
    assert!(!stage.path("tracker").exists());
}

#[test]
fn driving_the_tracker_needs_trust_in_its_program_alone() {
    let stage = stage();
    let tracker = format!("tracker = {{ kind = 'embedded', command = '{}' }}\n", shows(&stage, "tracker"));
    stage.repo.write(".hew.toml", &tracker);
    assert_eq!(hew(&stage, &["trust"]).code, 0);
    stage.repo.write(".hew.toml", &format!("{tracker}loop.gate.command = 'true'\n"));
    let listed = hew(&stage, &["task", "list"]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    stage.repo.write(".hew.toml", &tracker.replace("touch", "echo"));
    assert_eq!(hew(&stage, &["task", "list"]).code, 2);
}

/// `hew config edit` with a shell script as the editor, which finds the file as `$1`.
fn edit(stage: &LoopStage, script: &str) -> Ran {
    let file = stage.path("editor.sh");
    fs::write(&file, script).unwrap();
    let mut edit = command(stage, &["config", "edit"]);
    edit.env_remove("VISUAL").env("EDITOR", format!("sh '{}'", file.display()));
    ran(edit)
}

#[test]
fn what_an_edit_trusts_is_told() {
    let stage = stage();
    assert_eq!(hew(&stage, &["trust"]).code, 0);
    let edited = edit(&stage, "echo 'loop.gate.command = \"mine\"' > \"$1\"");
    assert_eq!(edited.code, 0, "{}", edited.stderr);
    let place = stage.repo.root().join(".hew.toml");
    let told = format!(
        "trusted now: {}:1: loop.gate.command = mine (trusted: {})\n",
        place.display(),
        shows(&stage, "first")
    );
    assert_eq!(edited.stderr, told);
    assert_eq!(hew(&stage, &["trust", "--show"]).code, 0);
    assert_eq!(edit(&stage, "").stderr, "", "nothing new");
}

#[test]
fn what_is_delivered_while_a_file_is_open_in_the_editor_is_not_trusted() {
    let stage = stage();
    assert_eq!(hew(&stage, &["trust"]).code, 0);
    let edited = edit(
        &stage,
        "echo 'loop.gate.command = \"theirs\"' > \"$1\" && git commit --quiet -m Theirs -- \"$1\"",
    );
    assert_eq!(edited.code, 0, "{}", edited.stderr);
    assert!(
        edited.stderr.contains("HEAD moved while the file was open") && edited.stderr.contains("hew trust"),
        "{}",
        edited.stderr
    );
    let shown = hew(&stage, &["trust", "--show"]);
    assert!(shown.code == 1 && shown.stdout.contains("loop.gate.command = theirs"), "{}", shown.stdout);
}

#[test]
fn a_persons_own_change_is_trusted_if_what_was_there_was() {
    let stage = stage();
    let set = |value: &str| hew(&stage, &["config", "set", "loop.gate.command", value]);
    let untrusted = set(&shows(&stage, "mine"));
    assert_eq!(untrusted.code, 0, "{}", untrusted.stderr);
    assert!(untrusted.stderr.contains("was not trusted"), "{}", untrusted.stderr);
    assert_eq!(hew(&stage, &RUN).code, 2);
    assert_eq!(hew(&stage, &["trust"]).code, 0);
    let trusted = set(&shows(&stage, "mine-too"));
    assert_eq!((trusted.code, trusted.stderr.as_str()), (0, ""));
    let ran = hew(&stage, &RUN);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(stage.path("mine-too").exists() && !stage.path("mine").exists());
    assert_eq!(hew(&stage, &["config", "unset", "loop.gate.command"]).code, 0);
    assert_eq!(hew(&stage, &["trust", "--show"]).code, 0);
    assert_eq!(set("true").code, 0, "an empty file has nothing that is not trusted");
    assert_eq!(hew(&stage, &["trust", "--show"]).code, 0);
}

#[test]
fn init_trusts_what_it_writes_and_nothing_that_was_there() {
    let stage = LoopStage::new();
    assert_eq!(hew(&stage, &["init", "--runtime", "claude"]).code, 0);
    assert!(stage.repo.read(".hew.toml").unwrap().contains("runtime = \"claude\""));
    assert_eq!(hew(&stage, &["trust", "--show"]).code, 0);
    let stage = self::stage();
    assert_eq!(hew(&stage, &["init", "--yes"]).code, 0);
    assert_eq!(hew(&stage, &["trust", "--show"]).code, 1);
}

#[test]
fn nothing_inside_an_iteration_can_trust() {
    let stage = stage();
    let inside = |words: &[&str], nested: bool| {
        let mut command = command(&stage, words);
        command.env("HEW_RUN_ID", "loop-20260101T000000Z-00000000").env("HEW_PROJECT", stage.repo.root());
        command.envs(nested.then_some(("HEW_ALLOW_NESTED", "1")));
        ran(command)
    };
    for (words, nested) in
        [(&["trust"][..], false), (&["trust"], true), (&["config", "set", "loop.jobs", "2"], false)]
    {
        let refused = inside(words, nested);
        assert_eq!(refused.code, 2, "{words:?} {nested}: {}", refused.stderr);
    }
    stage.repo.write(".hew.toml", "");
    assert_eq!(inside(&["config", "set", "loop.env.allow_push", "true"], true).code, 0);
    assert!(records(&stage).is_empty());
}

#[test]
fn secrets_are_not_shown() {
    let stage = stage();
    stage.repo.write(
        ".hew.toml",
        "loop.runtime_defs.x = { command = 'x', args = ['--token', 's3cret', '--api-key=s3cret'], \
         env = { API_KEY = 's3cret', MODE = 'fast' } }\n",
    );
    let (refused, json) = (hew(&stage, &RUN), hew(&stage, &["trust", "--json"]));
    for told in [&refused.stderr, &json.stdout] {
        assert!(told.contains("fast") && told.contains("(left out)") && !told.contains("s3cret"), "{told}");
    }
    let env = "loop.runtime_defs.x.env";
    let listed =
        [&["config", "list"][..], &["config", "list", "--json"]].map(|words| hew(&stage, words).stdout);
    let key = format!("{env}.TOKEN");
    let set = [
        hew(&stage, &["config", "set", &key, "s3cret"]).stdout,
        hew(&stage, &["config", "set", env, "API_KEY=s3cret,MODE=fast", "--json"]).stdout,
    ];
    for told in listed.iter().chain(&set) {
        assert!(told.contains("(left out)") && !told.contains("s3cret"), "{told}");
    }
    let named = hew(&stage, &["config", "get", &format!("{env}.API_KEY")]);
    assert_eq!(named.stdout, "s3cret\n", "who asks for it by name gets it");

    assert_eq!(hew(&stage, &["trust"]).code, 0);
    let run = hew(&stage, &[&["--json"], &RUN[..]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let folder = stage.run_folders().remove(0);
    let kept = ["events.jsonl", "run.json"].map(|name| fs::read_to_string(folder.join(name)).unwrap());
    for told in kept.iter().chain([&run.stdout]) {
        assert!(told.contains("fast") && told.contains("(left out)") && !told.contains("s3cret"), "{told}");
    }
}

#[test]
fn a_project_without_a_file_has_nothing_to_trust() {
    let stage = LoopStage::new();
    let trusted = hew(&stage, &["trust"]);
    assert!(trusted.code == 0 && trusted.stdout.contains("nothing needs trust"), "{}", trusted.stdout);
    assert!(records(&stage).is_empty());
}

#[test]
fn worktrees_of_one_project_each_have_their_own_file() {
    let stage = stage();
    assert_eq!(hew(&stage, &["trust"]).code, 0);
    let linked = stage.path("linked");
    stage.repo.git(&["worktree", "add", "--quiet", "-b", "side", linked.to_str().unwrap()]);
    let show = |folder: &std::path::Path| {
        let mut command = stage.repo.hew_in(folder, &["trust", "--show"]);
        command.env_remove("HEW_TRUST");
        ran(command).code
    };
    assert_eq!((show(&linked), show(stage.repo.root())), (1, 0));
}

#[test]
fn on_a_terminal_the_person_is_asked() {
    let stage = stage();
    let no = ran_on_terminal(command(&stage, &RUN), "\n");
    assert_eq!(no.code, 2, "{}", no.stderr);
    assert!(
        no.stderr.contains("Trust them?") && no.stderr.contains(":5: loop.gate.command = touch"),
        "{}",
        no.stderr
    );
    assert!(records(&stage).is_empty());
    let yes = ran_on_terminal(command(&stage, &RUN), "yes\n");
    assert_eq!(yes.code, 0, "{}", yes.stderr);
    assert!(stage.path("first").exists());
    let again = ran_on_terminal(command(&stage, &RUN), "");
    assert!(again.code == 0 && !again.stderr.contains("Trust them?"), "{}", again.stderr);
    gate(&stage, "second");
    let mut unattended = command(&stage, &RUN);
    unattended.env("CI", "1");
    let unattended = ran_on_terminal(unattended, "yes\n");
    assert!(unattended.code == 2 && !unattended.stderr.contains("Trust them?"), "{}", unattended.stderr);
}

#[test]
fn a_record_that_cant_be_read_is_told_and_a_forged_one_counts_for_nothing() {
    let stage = stage();
    assert_eq!(hew(&stage, &["trust"]).code, 0);
    let record = records(&stage).remove(0);
    let text = fs::read_to_string(&record).unwrap();
    gate(&stage, "second");
    fs::write(&record, text.replace("/first", "/second")).unwrap();
    assert_eq!(hew(&stage, &RUN).code, 2, "its values are not those that were hashed");
    for (broken, told) in [
        ("{", "can't be read"),
        (&*text.replace("\"schema_version\": 1", "\"schema_version\": 2"), "its version is 2"),
    ] {
        fs::write(&record, broken).unwrap();
        let refused = hew(&stage, &RUN);
        assert!(
            refused.code == 2 && refused.stderr.contains(told) && refused.stderr.contains("rm "),
            "{}",
            refused.stderr
        );
    }
}
