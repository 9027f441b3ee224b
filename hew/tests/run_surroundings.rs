//! Poor and odd surroundings: what the environment lacks, what language it speaks, a folder that is gone.

use std::fs;

use hew_testkit::loop_stage::{LoopStage, Running, ran};

/// Variables that are set, or taken away.
type Variables = &'static [(&'static str, Option<&'static str>)];

#[test]
fn a_run_needs_neither_a_language_nor_a_user_nor_a_folder_for_temporary_files() {
    let poor: [(&str, Variables); 4] = [
        ("nothing that is not needed", &[("TMPDIR", None), ("LANG", None), ("TZ", None), ("USER", None)]),
        (
            "German",
            &[("LANG", Some("de_DE.UTF-8")), ("LC_ALL", Some("de_DE.UTF-8")), ("LANGUAGE", Some("de"))],
        ),
        ("an odd time zone", &[("TZ", Some("Asia/Kathmandu")), ("LC_ALL", Some("C"))]),
        ("no home", &[("HOME", None), ("XDG_CONFIG_HOME", None)]),
    ];
    for (what, variables) in poor {
        let stage = LoopStage::new();
        // Without a home there are no settings of one's own: they are named.
        let settings = stage.path("home/.config/hew/config.toml");
        let task = stage.task("Task", "write a.txt a\ncommit A\ndone");
        let mut command = stage.repo.hew(&["loop", "run", "--scope", "ready", "--gate", "true"]);
        command.env("HEW_CONFIG", settings);
        // Agents commit as somebody, whatever they are told of a home.
        for (name, value) in [("GIT_AUTHOR_NAME", "A"), ("GIT_AUTHOR_EMAIL", "a@example.com")] {
            command.env(name, value);
        }
        for (name, value) in variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let ran = ran(command);
        let outcomes = stage.outcomes(&task);
        // An agent without a home may not know its name for git; then it is the agent that says so.
        let is_agents = what == "no home" && ran.code == 1;
        assert!(is_agents || (ran.code == 0 && outcomes == ["closed"]), "{what}: {}", ran.stderr);
        stage.assert_nothing_runs();
    }
}

#[test]
fn a_folder_that_is_gone_is_named_and_one_that_goes_during_the_run_is_not_missed() {
    let stage = LoopStage::new();
    let (sub, begun, go) = (stage.repo.root().join("sub"), stage.path("begun"), stage.path("go"));
    fs::create_dir_all(&sub).unwrap();
    let script =
        format!("touch {}\nwait-for {}\nwrite a.txt a\ncommit A\ndone", begun.display(), go.display());
    let task = stage.task("Task", &script);
    let args = ["loop", "run", "--scope", "ready", "--no-gate"];
    let mut run = Running::spawn(stage.repo.hew_in(&sub, &args));
    run.wait_for(&begun);
    fs::remove_dir(&sub).unwrap();
    fs::write(&go, "").unwrap();
    let ended = run.end();
    assert_eq!((ended.code, stage.outcomes(&task)), (0, vec!["closed".to_owned()]), "{}", ended.stderr);

    fs::create_dir(&sub).unwrap();
    let hew = stage.repo.hew(&["loop", "status"]);
    let mut command = stage.repo.command_in(&sub, "sh");
    command.args(["-c", "rmdir \"$PWD\" && exec \"$@\"", "sh"]).arg(hew.get_program()).args(hew.get_args());
    let ended = ran(command);
    assert!([1, 2].contains(&ended.code), "{} {}", ended.code, ended.stderr);
    assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
}
