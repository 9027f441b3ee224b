//! Every setting of a run, by its effect; and what an agent sees around itself.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs;
use std::path::PathBuf;

use hew_testkit::loop_stage::LoopStage;
use hew_testkit::stub_agent;
use serde_json::Value;

fn writes(name: &str) -> String {
    format!("write {name}.txt {name}\ncommit {name}\ndone")
}

/// What the agent of a task recorded by `record ${HEW_PROJECT}/../seen-${HEW_TASK_ID}`.
fn seen(stage: &LoopStage, task: &str) -> Value {
    serde_json::from_slice(&fs::read(stage.path(&format!("seen-{task}"))).unwrap()).unwrap()
}

const RECORD: &str = "record ${HEW_PROJECT}/../seen-${HEW_TASK_ID}";

#[test]
fn an_agent_knows_who_it_is_and_has_a_place_of_its_own() {
    let stage = LoopStage::new();
    let here = stage.path("").display().to_string();
    let ids = ["a", "b"].map(|name| {
        let other = if name == "a" { "b" } else { "a" };
        // Both at once, so that their places can't be one after the other the same.
        stage.task(name, &format!("{RECORD}\ntouch {here}{name}\nwait-for {here}{other}\n{}", writes(name)))
    });
    let ran = stage.run(&["--jobs", "2"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let begun = stage.journal_of("iteration_started");
    let (mut ports, mut temps) = (Vec::new(), Vec::new());
    for id in &ids {
        let start = begun.iter().find(|entry| entry["task"] == **id).unwrap();
        let record = seen(&stage, id);
        let env = |name: &str| {
            record["env"][name].as_str().unwrap_or_else(|| panic!("{name} is not set")).to_owned()
        };
        assert_eq!(env("HEW_RUN_ID"), stage.run_id());
        assert_eq!(&env("HEW_TASK_ID"), id);
        assert_eq!(env("HEW_WORKER"), start["worker"].to_string());
        assert_eq!((env("HEW_ITER"), env("HEW_ATTEMPT")), ("1".to_owned(), "1".to_owned()));
        assert_eq!(PathBuf::from(env("HEW_PROJECT")), stage.repo.root());
        assert_eq!(
            PathBuf::from(env("HEW_OUTCOME_FILE")),
            stage.iteration_folder(id, 1).join("outcome.json")
        );
        let worktree = stage.repo.hew_home().join("wt").join(stage.run_id()).join(env("HEW_WORKER"));
        assert_eq!(PathBuf::from(record["cwd"].as_str().unwrap()), worktree);
        assert_eq!(record["pid"], record["sid"], "a session of its own");
        assert_eq!(record["pid"], record["pgid"], "a process group of its own");
        assert_eq!(record["stdin"].as_str().unwrap(), stage.prompt(id, 1));
        assert_eq!(env("GIT_CEILING_DIRECTORIES"), worktree.parent().unwrap().display().to_string());
        assert_ne!(env("TMPDIR"), stage.path("tmp").display().to_string());
        ports.push(env("HEW_PORT_BASE").parse::<i32>().unwrap());
        temps.push(env("TMPDIR"));
    }
    assert!((ports[0] - ports[1]).abs() >= 20, "{ports:?}");
    assert_ne!(temps[0], temps[1]);
    stage.assert_left_clean();
}

#[test]
fn only_named_variables_pass_to_agents_and_gates() {
    let stage = LoopStage::new();
    let gate = format!("env > {}", stage.path("gate-env").display());
    let run = |task: &str| {
        let mut command =
            stage.repo.hew(&["loop", "run", "--scope", "ready", "--no-baseline", "--gate", &gate]);
        command.env("SECRET_TOKEN", "s3cret").env("MY_TOOL_A", "a").env("LC_TIME", "C");
        let ran = hew_testkit::loop_stage::ran(command);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        (seen(&stage, task)["env"].clone(), fs::read_to_string(stage.path("gate-env")).unwrap())
    };
    let first = stage.task("First", &format!("{RECORD}\n{}", writes("first")));
    let (env, gate_env) = run(&first);
    assert_eq!(env["LC_TIME"], "C");
    assert!(env.get("SECRET_TOKEN").is_none() && env.get("MY_TOOL_A").is_none());
    assert!(
        !gate_env.contains("s3cret") && !gate_env.contains("HEW_RUN_ID") && gate_env.contains("LC_TIME=C")
    );
    stage.settings(
        "loop.env.pass = [\"PATH\", \"HOME\", \"MY_TOOL_*\"]\nloop.runtime_defs.stub.env = { KEY = \"of the agent\" }",
    );
    let second = stage.task("Second", &format!("{RECORD}\n{}", writes("second")));
    let (env, gate_env) = run(&second);
    assert_eq!((&env["MY_TOOL_A"], &env["KEY"]), (&"a".into(), &"of the agent".into()));
    assert!(env.get("LC_TIME").is_none() && env.get("SECRET_TOKEN").is_none());
    assert!(gate_env.contains("MY_TOOL_A=a") && !gate_env.contains("of the agent"));
    stage.settings("loop.env.pass = [\"PATH\", \"HOME\", \"SECRET_TOKEN\"]");
    let third = stage.task("Third", &format!("{RECORD}\n{}", writes("third")));
    let (env, gate_env) = run(&third);
    assert_eq!(env["SECRET_TOKEN"], "s3cret", "who names a key wants the agent to have it");
    assert!(!gate_env.contains("s3cret"), "the gate never sees the agents' keys");
}

#[test]
fn a_push_is_blocked_unless_it_is_allowed() {
    let stage = LoopStage::new();
    let remote = stage.path("remote.git");
    let address = remote.display().to_string();
    stage.repo.git(&["init", "--quiet", "--bare", &address]);
    stage.repo.git(&["remote", "add", "origin", &address]);
    let pushes = format!(
        "write NAME.txt x\ncommit NAME\ntry-git push --quiet origin HEAD:refs/heads/NAME-1\n\
         try-git push --quiet {address} HEAD:refs/heads/NAME-2\n\
         try-git push --quiet file://{address} HEAD:refs/heads/NAME-3\n\
         try-git push --quiet ../../../../remote.git HEAD:refs/heads/NAME-4\ndone"
    );
    let branches = || stage.repo.git_in(&remote, &["for-each-ref", "--format=%(refname:short)"]);
    let task = stage.task("Blocked", &pushes.replace("NAME", "blocked"));
    assert_eq!(stage.run(&[]).code, 0);
    assert_eq!(stage.outcomes(&task), ["closed"]);
    assert_eq!(branches(), "", "nothing was pushed");
    stage.settings("loop.env.allow_push = true");
    stage.task("Allowed", &pushes.replace("NAME", "allowed"));
    assert_eq!(stage.run(&[]).code, 0);
    assert_eq!(branches(), "allowed-1\nallowed-2\nallowed-3\nallowed-4");
    let config = fs::read_to_string(stage.repo.common_dir().join("config")).unwrap();
    assert!(!config.contains("hew"), "the owner's settings are as they were: {config}");
}

#[test]
fn worktrees_are_furnished_and_furniture_is_never_committed() {
    let stage = LoopStage::new();
    stage.repo.write(".gitignore", ".env\nsecrets/\n");
    stage.repo.commit("Ignore");
    stage.repo.write(".env", "KEY=1");
    stage.repo.write("secrets/deep/key", "k");
    // Neither ignored nor committed: as furniture it stays out all the same.
    stage.repo.write("modules/lib.js", "lib");
    stage.settings("loop.worktree.copy = [\".env\", \"secrets\"]\nloop.worktree.link = [\"modules\"]");
    let script = "git --no-pager diff --exit-code\nappend .env changed\nwrite seen.txt x\ndone";
    let task = stage.task("Task", script);
    let gate = "test -f .env && test -f secrets/deep/key && test -f modules/lib.js && test -L modules && test ! -L .env";
    let ran = stage.run(&["--gate", gate]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&task), ["closed"], "the gate's worktree is furnished too");
    let work = stage.refs("refs/hew").into_values().next().unwrap();
    let files = stage.repo.git(&["ls-tree", "-r", "--name-only", &work]);
    assert_eq!(files, ".gitignore\nREADME.md\nseen.txt");
    assert_eq!(stage.repo.read(".env").unwrap(), "KEY=1", "a copy is a copy");
    assert_eq!(stage.repo.read("modules/lib.js").unwrap(), "lib", "what was linked outlives the link");
    stage.assert_left_clean();
}

#[test]
fn a_worktree_is_set_up_once_and_again_when_its_inputs_change() {
    let stage = LoopStage::new();
    stage.repo.write("lock.txt", "1");
    stage.repo.write(".gitignore", "built\n");
    stage.repo.commit("Lock");
    let log = stage.path("setups");
    let setup = format!("cat lock.txt >> {} && cp lock.txt built", log.display());
    stage.settings(&format!("loop.worktree.setup = {setup:?}\nloop.worktree.setup_inputs = [\"lock.txt\"]"));
    stage.task("First", &writes("first"));
    stage.task("Second", &writes("second"));
    let locks = stage.task("Locks", "write lock.txt 2\ncommit Lock\ndone");
    stage.task_with("Fourth", &["--dep", &locks], &writes("fourth"));
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&log).unwrap(), "12", "once, and once after the lock has changed");

    fs::remove_file(&log).unwrap();
    stage.task("Fifth", "write lock.txt 3\ncommit Lock\ndone");
    let ran = stage.run(&["--gate", "cmp lock.txt built"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&log).unwrap(), "223", "the gate's worktree is set up for what it proves");

    stage.settings("loop.worktree.setup = \"echo no such tool >&2; exit 3\"");
    let task = stage.task("Never", &writes("never"));
    let ran = stage.run(&["--max-attempts", "1"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&task), ["runtime_error"]);
    let reason = stage.journal_of("iteration_ended")[0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("loop.worktree.setup") && reason.contains("exit code 3"), "{reason}");
    let log = stage.iteration_folder(&task, 1).join("setup.log");
    assert_eq!(fs::read_to_string(log).unwrap(), "no such tool\n");
    stage.assert_left_clean();
}

#[test]
fn more_than_may_be_collected_is_kept_in_its_folder() {
    for (setting, script, why) in [
        ("loop.collect.max_files = 3", "many-files lots 4\ndone", "loop.collect.max_files"),
        ("loop.collect.max_bytes = \"10B\"", "write large.txt 12345678901\ndone", "loop.collect.max_bytes"),
    ] {
        let stage = LoopStage::new();
        stage.settings(setting);
        let task = stage.task("Task", script);
        let next = stage.task("Next", &writes("next"));
        let ran = stage.run(&["--max-attempts", "1"]);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert_eq!(stage.outcomes(&task), ["runtime_error"]);
        let reason = stage.journal_of("iteration_ended")[0]["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains(why), "{reason}");
        assert_eq!(stage.outcomes(&next), ["closed"], "the worker goes on in another folder");
        let kept = stage.worktrees();
        assert_eq!(kept.len(), 1, "{kept:?}");
        assert!(kept[0].join("lots/file-3").exists() || kept[0].join("large.txt").exists());
        assert_eq!(stage.refs("refs/heads/loop").len(), 2, "the kept folder's branch stays with it");
        stage.repo.fsck_clean();
        stage.assert_nothing_runs();
    }
}

#[test]
fn the_kill_grace_bounds_a_polite_stop() {
    let stage = LoopStage::new();
    stage.settings("loop.kill_grace = \"0s\"");
    stage.task("Task", "ignore-term\nburn");
    let ran = stage.run(&["--timeout", "1s", "--max-attempts", "1"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let exited = stage.journal_of("exited").remove(0);
    assert_eq!((&exited["exit"]["signal"], &exited["stopped"]), (&9.into(), &"timeout".into()));
    stage.assert_nothing_runs();
}

#[test]
fn branches_begin_with_the_prefix() {
    let stage = LoopStage::new();
    stage.settings("loop.branch_prefix = \"agents/night\"");
    stage.repo.git(&["branch", "loop"]);
    let script = "git symbolic-ref HEAD\nwrite a.txt a\ndone";
    let task = stage.task("Task", script);
    assert_eq!(stage.run(&[]).code, 0);
    let run = stage.run_id();
    let branches: Vec<String> = stage.refs("refs/heads").into_keys().collect();
    assert_eq!(
        branches,
        [format!("refs/heads/agents/night/{run}/main"), "refs/heads/loop".into(), "refs/heads/main".into()]
    );
    let transcript = fs::read_to_string(stage.iteration_folder(&task, 1).join("transcript.jsonl")).unwrap();
    assert!(transcript.contains(&format!("refs/heads/agents/night/{run}/w0")), "{transcript}");
}

#[test]
fn a_red_gate_may_end_the_run() {
    let stage = LoopStage::new();
    stage.settings("loop.on_gate_fail = \"stop\"");
    let bad = stage.task("Bad", &writes("bad"));
    let go = stage.path("go");
    // The worker takes it up while the first one's gate runs.
    let next = stage.task("Next", &format!("wait-for {}\n{}", go.display(), writes("next")));
    let never = stage.task("Never", &writes("never"));
    let mut run = stage.start(&["--gate", "test ! -e bad.txt", "--max-attempts", "1"]);
    run.wait_until("the stop", || stage.has_event(|entry| entry["kind"] == "stop_requested"));
    fs::write(go, "").unwrap();
    let ran = run.end();
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(stage.journal_of("run_ended")[0]["stop_reason"], "guard_trip");
    assert_eq!(stage.outcomes(&bad), ["backpressure_fail"]);
    assert_eq!(stage.outcomes(&next), ["closed"], "what runs may end, and lands");
    assert!(stage.outcomes(&never).is_empty() && stage.is_free(&never));
    stage.assert_left_clean();
}

#[test]
fn a_flaky_gate_gets_a_second_try_and_is_named_as_such() {
    for retry in [true, false] {
        let stage = LoopStage::new();
        stage.settings(&format!("loop.gate.retry_flaky = {retry}"));
        let task = stage.task("Task", &writes("task"));
        let mark = stage.path("ran-once").display().to_string();
        let gate = format!("test -e {mark} || {{ touch {mark}; exit 1; }}");
        let ran = stage.run(&["--gate", &gate, "--no-baseline", "--max-attempts", "1"]);
        let gates = stage.journal_of("gated");
        if retry {
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            assert_eq!(stage.outcomes(&task), ["closed"]);
            let flaky: Vec<&Value> = gates.iter().map(|gate| &gate["gate"]["flaky"]).collect();
            assert_eq!(flaky, [false, true]);
            assert_ne!(gates[0]["gate"]["log"], gates[1]["gate"]["log"]);
        } else {
            assert_eq!((ran.code, gates.len()), (1, 1), "{}", ran.stderr);
        }
    }
}

#[test]
fn a_task_brings_its_own_command_only_where_that_is_allowed() {
    let stage = LoopStage::new();
    let command = "echo by-$HEW_TASK_ID > own.txt; cat > /dev/null";
    let task = stage.task_with("Task", &["--runtime", "shell", "--run", command], "");
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&task), Vec::<String>::new());
    let left = stage.journal_of("run_ended")[0]["leftovers"][0].clone();
    assert_eq!(left["task"], task);
    assert!(left["why"].as_str().unwrap().contains("loop.shell.allow_task_commands"), "{left}");
    stage.settings("loop.shell.allow_task_commands = true");
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.repo.read("own.txt").unwrap(), format!("by-{task}\n"));
}

#[test]
fn a_defined_runtime_is_given_its_prompt_as_it_wants_and_ends_as_it_may() {
    let stage = LoopStage::new();
    let agent = stub_agent::path();
    let script = stage.path("script");
    fs::write(&script, format!("{RECORD}\nwrite ${{HEW_TASK_ID}}.txt x")).unwrap();
    let def = |name: &str, more: &str| {
        format!("[loop.runtime_defs.{name}]\ncommand = {agent:?}\nargs = [{script:?}, {more}\n")
    };
    let file =
        def("by-file", "\"--prompt\", \"{prompt_file}\", \"--model\", \"{model}\"]\nprompt = \"file\"");
    let stdin = def("by-stdin", "\"a b\", \"$HOME\"]\nprompt = \"stdin\"\ndone_on_exit_zero = true");
    stage.settings(&(file + &stdin));
    let by_file = stage.task_with("By file", &["--runtime", "by-file"], "");
    let by_stdin = stage.task_with("By stdin", &["--runtime", "by-stdin"], "");
    let ran = stage.run(&["--max-attempts", "1"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&by_file), ["no_close"], "exit 0 alone says nothing");
    assert_eq!(stage.outcomes(&by_stdin), ["closed"], "unless its definition says so");
    let argv = |task: &str| seen(&stage, task)["argv"].as_array().unwrap()[2..].to_vec();
    let prompt_file = stage.iteration_folder(&by_file, 1).join("prompt.md").display().to_string();
    assert_eq!(argv(&by_file), ["--prompt", prompt_file.as_str()], "an empty placeholder goes with its flag");
    assert_eq!(argv(&by_stdin), ["a b", "$HOME"], "never through a shell");
    assert_eq!(seen(&stage, &by_file)["stdin"], "");
    assert_eq!(seen(&stage, &by_stdin)["stdin"], stage.prompt(&by_stdin, 1));
}

#[test]
fn a_transcript_is_bounded_and_keeps_head_and_tail() {
    let stage = LoopStage::new();
    stage.settings("loop.transcript.max_bytes = \"100KiB\"");
    let task = stage
        .task("Task", &format!("print the very first\nprint-mb 3\nprint the very last\n{}", writes("a")));
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let transcript = fs::read_to_string(stage.iteration_folder(&task, 1).join("transcript.jsonl")).unwrap();
    assert!(transcript.len() < 200 * 1024, "{} bytes", transcript.len());
    assert!(transcript.contains("the very first") && transcript.contains("the very last"));
    for line in transcript.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
}

#[test]
fn the_worktrees_root_may_be_anywhere() {
    let stage = LoopStage::new();
    let root = stage.path("elsewhere/trees");
    stage.settings(&format!("loop.worktree.root = {root:?}"));
    let task = stage.task("Task", &format!("{RECORD}\n{}", writes("task")));
    assert_eq!(stage.run(&[]).code, 0);
    let cwd = PathBuf::from(seen(&stage, &task)["cwd"].as_str().unwrap());
    assert_eq!(cwd, root.join(stage.run_id()).join("0"));
    assert_eq!(fs::read_dir(&root).unwrap().count(), 0, "nothing is left there");
    stage.assert_left_clean();
}

#[test]
fn layers_of_settings_win_in_their_order() {
    let stage = LoopStage::new();
    stage.settings("loop.max_attempts = 2");
    let task = stage.task("Task", "fail again");
    let attempts = |expected: usize, flags: &[&str], variable: Option<&str>| {
        let args = [&["loop", "run", "--scope", "ready", "--retry-parked"], flags].concat();
        let mut command = stage.repo.hew(&args);
        command.envs(variable.map(|value| ("HEW_LOOP_MAX_ATTEMPTS", value)));
        let ran = hew_testkit::loop_stage::ran(command);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert_eq!(stage.outcomes(&task).len(), expected);
    };
    attempts(2, &[], None);
    stage.repo.write(".hew.toml", "loop.max_attempts = 1\n");
    attempts(1, &[], None);
    attempts(3, &[], Some("3"));
    attempts(4, &["--max-attempts", "4"], Some("3"));
}
