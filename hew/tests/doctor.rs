//! `hew doctor`: each thing that it finds, what mends it, and what it leaves alone.

#![expect(clippy::unwrap_used, reason = "a stage that can not be set ends the test")]

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Stdio};

use hew_testkit::loop_stage::{LoopStage, Ran, ran, wait_until};
use hew_testkit::mock_model::{MockModel, Script};
use hew_testkit::repo::write_script;
use serde_json::Value;

fn doctor(stage: &LoopStage, flags: &[&str], environment: &[(&str, &str)]) -> (Ran, Vec<Value>) {
    let mut command = stage.repo.hew(&[&["doctor", "--json"], flags].concat());
    command.envs(environment.iter().copied());
    let told = ran(command);
    let findings = told.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (told, findings)
}

/// What was found that stands like this, with these words in it.
fn found<'a>(findings: &'a [Value], check: &str, standing: &str, words: &str) -> Option<&'a Value> {
    findings.iter().find(|finding| {
        let text = finding.to_string();
        finding["check"] == check && finding["standing"] == standing && text.contains(words)
    })
}

#[track_caller]
fn expect<'a>(findings: &'a [Value], check: &str, standing: &str, words: &str) -> &'a Value {
    found(findings, check, standing, words)
        .unwrap_or_else(|| panic!("no {standing} of {check} with {words:?}: {findings:#?}"))
}

#[test]
fn where_nothing_is_wrong_there_is_nothing_to_do() {
    let stage = LoopStage::new();
    let (told, findings) = doctor(&stage, &[], &[]);
    assert_eq!(told.code, 0, "{}", told.stdout);
    assert!(told.stderr.contains("Nothing to do."), "{}", told.stderr);
    for (check, words) in [
        ("git", "git version 2."),
        ("kernel", "subreaper"),
        ("program", "runtime stub: /"),
        ("settings", "valid"),
        ("tracker", "embedded"),
        ("space", "inodes free"),
        ("run", "left nothing behind"),
    ] {
        expect(&findings, check, "ok", words);
    }
    assert!(findings.iter().any(|finding| finding.to_string().contains("Landlock")));
    assert!(findings.iter().all(|finding| finding["kind"] == "finding" && finding["schema"] == 1));
    let fixed = ran(stage.repo.hew(&["doctor", "--fix"]));
    assert_eq!((fixed.code, fixed.stderr.trim_end()), (0, "Nothing to do."), "{}", fixed.stdout);
    assert!(fixed.stdout.contains("ok       git       git version 2."), "{}", fixed.stdout);
}

#[test]
fn outside_of_a_project_the_machine_is_looked_at() {
    let stage = LoopStage::new();
    let elsewhere = stage.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let told = ran(stage.repo.hew_in(&elsewhere, &["doctor"]));
    assert_eq!(told.code, 0, "{}", told.stdout);
    assert!(
        told.stdout.contains("no git repository here") && told.stdout.contains("git version"),
        "{}",
        told.stdout
    );
    assert!(told.stdout.contains("runtime stub"), "the person's own settings count: {}", told.stdout);
}

#[test]
fn settings_that_no_run_starts_with_are_named() {
    let stage = LoopStage::new();
    stage.repo.write(".hew.toml", "[loop]\njbos = 1\nruntime = \"nobody\"\n");
    let (told, findings) = doctor(&stage, &[], &[]);
    assert_eq!(told.code, 1);
    expect(&findings, "settings", "problem", ".hew.toml:2: unknown key loop.jbos; did you mean loop.jobs?");
    let named = expect(&findings, "settings", "problem", "runtime `nobody` is not defined");
    assert_eq!(named["command"], "hew config edit");

    stage.repo.write(".hew.toml", "loop.gate.command = \"true\"\n");
    let mut command = stage.repo.hew(&["doctor"]);
    command.env_remove("HEW_TRUST");
    let told = ran(command);
    assert_eq!(told.code, 1);
    assert!(
        told.stdout.contains("not trusted") && told.stdout.contains("next: hew trust"),
        "{}",
        told.stdout
    );
}

#[test]
fn programs_that_a_run_needs_are_named() {
    let stage = LoopStage::new();
    stage.settings("loop.runtime_defs.mine.command = \"no-such-agent\"");
    let (told, findings) =
        doctor(&stage, &[], &[("HEW_LOOP_RUNTIME", "mine"), ("HEW_LOOP_GATE_COMMAND", "no-such-gate --all")]);
    assert_eq!(told.code, 1);
    let runtime = expect(&findings, "program", "problem", "runtime mine: no program `no-such-agent` on PATH");
    assert!(runtime["command"].as_str().unwrap().contains("hew config set loop.runtime_defs.mine.command"));
    expect(&findings, "program", "problem", "gate `no-such-gate --all`: no program `no-such-gate` on PATH");
    fs::create_dir(stage.repo.root().join(".beads")).unwrap();
    let (told, findings) =
        doctor(&stage, &[], &[("HEW_TRACKER_KIND", "bd"), ("HEW_TRACKER_COMMAND", "no-such-bd")]);
    assert_eq!(told.code, 1);
    expect(&findings, "tracker", "problem", "no-such-bd");
    expect(&findings, "program", "note", "runtime mine: no program `no-such-agent`");
}

/// A program that says this of its version, and is otherwise the one that is on PATH.
fn versioned(stage: &LoopStage, name: &str, says: &str) -> String {
    let folder = stage.path("old");
    fs::create_dir_all(&folder).unwrap();
    let path = std::env::var("PATH").unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *version*) echo '{says}'; exit;; esac\nPATH='{path}' exec {name} \"$@\"\n"
    );
    write_script(&folder.join(name), &script);
    format!("{}:{path}", folder.display())
}

#[test]
fn programs_that_are_too_old_are_named_with_both_versions() {
    let stage = LoopStage::new();
    let path = versioned(&stage, "git", "git version 2.30.2");
    let (told, findings) = doctor(&stage, &[], &[("PATH", &path)]);
    assert_eq!(told.code, 1, "{}", told.stdout);
    let git = expect(&findings, "git", "problem", "2.30.2");
    assert!(git.to_string().contains("2.38"), "{git}");
    fs::remove_file(stage.path("old/git")).unwrap();

    fs::create_dir(stage.repo.root().join(".beads")).unwrap();
    let path = versioned(&stage, "bd", "bd version 0.9.1 (dev)");
    let (told, findings) = doctor(&stage, &[], &[("PATH", &path), ("HEW_TRACKER_KIND", "bd")]);
    assert_eq!(told.code, 1, "{}", told.stdout);
    expect(&findings, "tracker", "problem", "0.9.1");
}

/// Makes a lock file of this age. No lock file is opened by the test itself: what another test starts meanwhile would hold it,
/// too, until it is another program.
fn lock_file(stage: &LoopStage, name: &str, age: &str) -> std::path::PathBuf {
    let path = stage.repo.common_dir().join(name);
    let made = stage.repo.command("touch").args(["-d", age]).arg(&path).status().unwrap();
    assert!(made.success());
    path
}

/// Somebody who holds a lock file until standard input ends.
fn holder_of(stage: &LoopStage, path: &Path) -> Child {
    let mut command = stage.repo.command("sh");
    command.args(["-c", "exec 3<\"$1\"; echo; read -r _", "sh"]).arg(path);
    let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    holder.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    holder
}

#[test]
fn locks_that_nobody_holds_go_and_all_others_stay() {
    let stage = LoopStage::new();
    let old = |name| lock_file(&stage, name, "121 minutes ago");
    let (index, branch) = (old("index.lock"), old("refs/heads/main.lock"));
    let young = lock_file(&stage, "packed-refs.lock", "now");
    let (told, findings) = doctor(&stage, &[], &[]);
    assert_eq!(told.code, 1);
    let left = expect(&findings, "lock", "problem", "index.lock (made 2 h ago) is left over");
    assert!(left["command"].as_str().unwrap().starts_with("rm "), "{left}");
    expect(&findings, "lock", "note", "packed-refs.lock");
    assert!(index.exists() && branch.exists(), "looking removes nothing");

    // A git that works here may have made them.
    let mut git =
        stage.repo.command("git").args(["cat-file", "--batch"]).stdin(Stdio::piped()).spawn().unwrap();
    let (told, findings) = doctor(&stage, &["--fix"], &[]);
    assert_eq!(told.code, 0, "{}", told.stdout);
    expect(
        &findings,
        "lock",
        "note",
        &format!("index.lock (made 2 h ago) may be held by process {} (git)", git.id()),
    );
    assert!(index.exists());
    drop(git.stdin.take());
    git.wait().unwrap();

    let mut holder = holder_of(&stage, &index);
    let (_, findings) = doctor(&stage, &["--fix"], &[]);
    expect(&findings, "lock", "note", "index.lock");
    expect(&findings, "lock", "fixed", "refs/heads/main.lock");
    drop(holder.stdin.take());
    holder.wait().unwrap();
    let (told, findings) = doctor(&stage, &["--fix"], &[]);
    assert_eq!(told.code, 0, "{}", told.stdout);
    expect(&findings, "lock", "fixed", "index.lock");
    assert!(!index.exists() && !branch.exists() && young.exists());
}

/// Something that carries a run's mark; it outlives nothing of the test.
struct Marked(Child);

impl Marked {
    fn with(stage: &LoopStage, run: &str) -> Self {
        let mut command = stage.repo.command("sleep");
        Self(command.arg("1000").env("HEW_RUN_ID", run).spawn().unwrap())
    }

    fn is_gone(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Marked {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_a_killed_run_left_is_told_ended_and_removed_as_far_as_it_is_safe() {
    let stage = LoopStage::new();
    let (dirty, clean) = (stage.path("dirty"), stage.path("clean"));
    stage.task("Dirty", &format!("write unsaved work\ntouch {}\nhang", dirty.display()));
    stage.task("Clean", &format!("touch {}\nhang", clean.display()));
    let run = stage.start(&["--jobs", "2", "--no-gate"]);
    wait_until("both agents", || dirty.exists() && clean.exists());
    let id = stage.run_id();
    let mut marked = Marked::with(&stage, &id);
    let (told, findings) = doctor(&stage, &["--fix"], &[]);
    assert_eq!(told.code, 0, "a run that goes on is left alone: {}", told.stdout);
    expect(&findings, "worktree", "ok", "may still be going on");
    assert!(!marked.is_gone());

    run.signal("SIGKILL");
    run.end();
    wait_until("the end of the agents", || stage.processes().len() <= 1);
    let (told, findings) = doctor(&stage, &[], &[]);
    assert_eq!(told.code, 1);
    let crashed = expect(&findings, "run", "problem", &format!("run {id} crashed"));
    assert_eq!(crashed["command"], Value::from(format!("hew loop resume --run-id {id}")));
    let process = expect(&findings, "process", "problem", "sleep 1000");
    assert!(
        process["command"].as_str().unwrap().starts_with(&format!("kill {}", marked.0.id())),
        "{process}"
    );
    expect(&findings, "worktree", "problem", "all in it but what git ignores is kept elsewhere");
    let kept = expect(&findings, "worktree", "problem", "unsaved");
    assert!(kept["command"].as_str().unwrap().starts_with("git -C "), "{kept}");
    assert!(!marked.is_gone());

    let (told, findings) = doctor(&stage, &["--fix"], &[]);
    assert_eq!(told.code, 1, "what is left needs a person");
    expect(&findings, "process", "fixed", "ended process");
    wait_until("its end", || marked.is_gone());
    expect(&findings, "worktree", "fixed", "removed ");
    expect(&findings, "worktree", "problem", "unsaved");
    assert!(told.stderr.contains("which hew does not touch"), "{}", told.stderr);
}

/// Of two whose `.git` file is gone or nonsense one holds a file that nothing else has; a third is gone altogether.
#[test]
fn broken_worktrees_are_removed_where_nothing_is_lost_and_kept_and_named_elsewhere() {
    let stage = LoopStage::new();
    let begun = |name: &str| stage.path(&format!("{name}-begun"));
    for (name, first) in [("Dirty", "write unsaved work\n"), ("Clean", ""), ("Gone", "")] {
        stage.task(name, &format!("{first}touch {}\nhang", begun(name).display()));
    }
    let run = stage.start(&["--jobs", "3", "--no-gate"]);
    wait_until("all agents", || ["Dirty", "Clean", "Gone"].iter().all(|name| begun(name).exists()));
    run.signal("SIGKILL");
    run.end();
    wait_until("the end of the agents", || stage.processes().is_empty());
    let trees: Vec<_> = stage
        .journal_of("prepared")
        .iter()
        .map(|entry| std::path::PathBuf::from(entry["worktree"].as_str().unwrap()))
        .collect();
    let dirty = trees.iter().find(|tree| tree.join("unsaved").exists()).unwrap();
    let [clean, gone] = trees.iter().filter(|tree| *tree != dirty).collect::<Vec<_>>()[..] else {
        panic!("three worktrees: {trees:?}")
    };
    fs::write(dirty.join(".git"), "nonsense").unwrap();
    fs::remove_file(clean.join(".git")).unwrap();
    fs::remove_dir_all(gone).unwrap();
    let (told, findings) = doctor(&stage, &["--fix"], &[]);
    assert_eq!(told.code, 1, "{}", told.stdout);
    for tree in [clean, gone] {
        expect(&findings, "worktree", "fixed", &format!("removed {}", tree.display()));
        assert!(!tree.exists());
    }
    expect(&findings, "worktree", "problem", "unsaved");
    assert_eq!(fs::read_to_string(dirty.join("unsaved")).unwrap(), "work");
    assert!(!stage.repo.git(&["worktree", "list"]).contains(&gone.display().to_string()));
}

#[test]
fn a_result_that_waits_for_its_delivery_is_told() {
    let stage = LoopStage::new();
    stage.task("Collides", "write loose theirs\ndone");
    stage.repo.write("loose", "mine");
    let ran = stage.run(&["--no-gate"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let (told, findings) = doctor(&stage, &["--fix"], &[]);
    assert_eq!(told.code, 1);
    let waiting = expect(&findings, "run", "problem", "landed work");
    assert_eq!(waiting["command"], Value::from(format!("hew loop deliver --run-id {}", stage.run_id())));
}

/// A program in a folder that comes first on PATH; it leaves a sign when it is run.
fn program(stage: &LoopStage, name: &str) -> String {
    let folder = stage.path("programs");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join(name);
    write_script(
        &file,
        &format!("#!/bin/sh\ntouch {}\necho {name} 1.2.3\n", stage.path("was-run").display()),
    );
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

#[test]
fn whether_agents_are_signed_in_is_told_as_far_as_it_can_be_seen() {
    let stage = LoopStage::new();
    for (name, key, login) in [
        ("claude", "ANTHROPIC_API_KEY", ".claude/.credentials.json"),
        ("codex", "CODEX_API_KEY", ".codex/auth.json"),
    ] {
        let path = program(&stage, name);
        let home = stage.path("home").display().to_string();
        let set = [("PATH", path.as_str()), ("HOME", home.as_str())];
        let (_, findings) = doctor(&stage, &[], &set);
        let note = expect(&findings, "sign-in", "note", &format!("runtime {name}: no key is set"));
        assert!(note["command"].as_str().unwrap().contains("login"), "{note}");
        let (_, findings) = doctor(&stage, &[], &[&set[..], &[(key, "a-dummy-key")]].concat());
        expect(&findings, "sign-in", "ok", &format!("runtime {name}: a key is set in {key}"));
        assert!(!format!("{findings:?}").contains("a-dummy-key"));
        let file = stage.path("home").join(login);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "{}").unwrap();
        let (_, findings) = doctor(&stage, &[], &set);
        expect(&findings, "sign-in", "ok", &format!("runtime {name}: a login is kept in {}", file.display()));
    }
}

#[test]
fn a_model_server_is_asked_for_its_models() {
    let stage = LoopStage::new();
    let (_, findings) = doctor(&stage, &[], &[]);
    assert!(!findings.iter().any(|finding| finding["check"] == "endpoint"), "{findings:?}");

    let server = MockModel::start(Script::default());
    let url = format!("{}/v1/", server.url());
    let asked = |more: &[(&str, &str)]| {
        let (told, findings) =
            doctor(&stage, &[], &[&[("HEW_LOOP_LOCAL_ENDPOINT", url.as_str())], more].concat());
        (told.code, findings)
    };
    let (code, findings) = asked(&[("HEW_LOOP_LOCAL_MODEL", "mock")]);
    let found = expect(&findings, "endpoint", "ok", "it has the model mock");
    assert!(code == 0 && found["what"].as_str().unwrap().contains("/v1/ answers in "), "{found}");
    let (code, findings) = asked(&[("HEW_LOOP_LOCAL_MODEL", "large")]);
    let found = expect(&findings, "endpoint", "problem", "does not have the model large");
    assert_eq!((code, &found["command"]), (1, &"hew config set loop.local.model mock".into()));
    let (code, findings) = asked(&[]);
    expect(&findings, "endpoint", "note", "loop.local.model is not set: it has mock");
    assert_eq!(code, 0);
    // Where runs are to use it, what is missing keeps them from starting.
    let local = ("HEW_LOOP_RUNTIME", "local");
    let (code, findings) = asked(&[local]);
    let found = expect(&findings, "endpoint", "problem", "loop.local.model is not set: it has mock");
    assert_eq!((code, &found["command"]), (1, &"hew config set loop.local.model mock".into()));
    let (told, findings) = doctor(&stage, &[], &[local]);
    let found = expect(&findings, "endpoint", "problem", "loop.local.endpoint is not set");
    assert_eq!(told.code, 1);
    assert!(found["command"].as_str().unwrap().starts_with("hew config set loop.local.endpoint "), "{found}");

    // Who answers need not be started: the address is wrong, or the key.
    for (url, next) in [
        (server.url(), format!("hew config set loop.local.endpoint {}/v1 ", server.url())),
        (
            format!("{}/v1/chat/completions", server.url()),
            format!("hew config set loop.local.endpoint {}/v1 ", server.url()),
        ),
        (format!("{}/there/v1", server.url()), "hew config set loop.local.endpoint URL ".to_owned()),
    ] {
        let (_, findings) = doctor(&stage, &[], &[("HEW_LOOP_LOCAL_ENDPOINT", url.as_str())]);
        let found = expect(&findings, "endpoint", "problem", "404");
        assert!(found["command"].as_str().unwrap().starts_with(&next), "{found}");
    }
    let secure = url.replace("http:", "https:");
    let (_, findings) = doctor(&stage, &[], &[("HEW_LOOP_LOCAL_ENDPOINT", secure.as_str())]);
    expect(&findings, "endpoint", "problem", "if it has no TLS, ask it by http://");
    server.require_key("a-dummy-key");
    let (_, findings) = asked(&[]);
    let found = expect(&findings, "endpoint", "problem", "401");
    assert!(
        found["command"].as_str().unwrap().starts_with("hew config set loop.local.api_key_env "),
        "{found}"
    );
    let named = ("HEW_LOOP_LOCAL_API_KEY_ENV", "MY_KEY");
    expect(&asked(&[named]).1, "endpoint", "problem", "the variable MY_KEY");
    let (_, findings) = asked(&[named, ("MY_KEY", "a-dummy-key"), ("HEW_LOOP_LOCAL_MODEL", "mock")]);
    expect(&findings, "endpoint", "ok", "it has the model mock");
    drop(server);
    let (code, findings) = asked(&[]);
    expect(&findings, "endpoint", "problem", "hew config unset loop.local.endpoint");
    assert_eq!(code, 1);
}

#[test]
fn nothing_is_run_or_asked_that_only_an_untrusted_file_names() {
    let stage = LoopStage::new();
    program(&stage, "mine");
    let server = MockModel::start(Script::default());
    let settings = format!(
        "loop.local.endpoint = \"{}/v1\"\nloop.runtime_defs.mine.command = \"{}\"\n",
        server.url(),
        stage.path("programs/mine").display()
    );
    stage.repo.write(".hew.toml", &settings);
    let look = || {
        let mut command = stage.repo.hew(&["doctor"]);
        command.env_remove("HEW_TRUST");
        ran(command).stdout
    };
    let told = look();
    assert!(told.contains("was not asked for its version") && told.contains("/v1 was not asked"), "{told}");
    assert!(!stage.path("was-run").exists() && server.asked().is_empty());
    stage.ok(&["trust"]);
    let told = look();
    assert!(told.contains("(mine 1.2.3)") && told.contains("answers in"), "{told}");
    assert!(stage.path("was-run").exists() && !server.asked().is_empty());
}
