//! `hew config` through the real binary.

#![expect(clippy::unwrap_used, reason = "a test that can not set its stage has failed")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use hew_testkit::terminal::ran_on_terminal;
use tempfile::TempDir;

/// A home, and a project in it, that nothing of the developer's reaches.
struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { root: TempDir::new().unwrap() };
        fs::create_dir_all(place.path("project/sub")).unwrap();
        fs::create_dir_all(place.path("elsewhere")).unwrap();
        let git = place.command("git", "project").args(["init", "-q", "-b", "main"]).status().unwrap();
        assert!(git.success());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    fn command(&self, program: &str, folder: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path(folder))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.path("home"))
            .env("XDG_CONFIG_HOME", self.path("xdg"))
            .env("HEW_HOME", self.path("hew-home"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_CEILING_DIRECTORIES", self.root.path());
        command
    }

    fn hew(&self, folder: &str, words: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_hew"), folder);
        command.arg("config").args(words);
        command
    }

    /// Runs in the project and answers exit code, stdout and stderr.
    fn run(&self, words: &[&str]) -> (i32, String, String) {
        told(&self.hew("project", words).output().unwrap())
    }

    /// Runs in the project and answers stdout; anything but exit code 0 is a failure of the test.
    fn ok(&self, words: &[&str]) -> String {
        let (code, out, err) = self.run(words);
        assert_eq!(code, 0, "{words:?}: {err}");
        out
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn set_writes_the_projects_file_and_says_so() {
    let place = Place::new();
    let said = place.ok(&["set", "loop.jobs", "3"]);
    assert_eq!(said, format!("loop.jobs = 3 written to {}\n", place.path("project/.hew.toml").display()));
    assert_eq!(place.read("project/.hew.toml"), "[loop]\njobs = 3\n");
    let from_sub = told(&place.hew("project/sub", &["get", "loop.jobs"]).output().unwrap());
    assert_eq!(from_sub, (0, "3\n".to_owned(), String::new()));
}

#[test]
fn set_keeps_comments_and_order_and_uses_the_file_that_is_there() {
    let place = Place::new();
    place.write(
        "project/hew.toml",
        "# top\n[tracker]\nkind = 'auto'\n\n[loop] # all\n# few\njobs = 2 # two\nmerge = 'task'\n",
    );
    place.ok(&["set", "loop.jobs", "4"]);
    place.ok(&["set", "loop.gate.command", "make 'a b'"]);
    place.ok(&["unset", "loop.merge"]);
    assert_eq!(
        place.read("project/hew.toml"),
        "# top\n[tracker]\nkind = 'auto'\n\n[loop] # all\n# few\njobs = 4 # two\n\n[loop.gate]\ncommand = \"make 'a b'\"\n"
    );
    assert!(!place.path("project/.hew.toml").exists());
}

#[test]
fn the_users_file_is_written_when_asked_for_and_outside_of_projects() {
    let place = Place::new();
    place.ok(&["set", "loop.jobs", "2", "--global"]);
    let (code, ..) = told(&place.hew("elsewhere", &["set", "loop.timeout", "5m"]).output().unwrap());
    assert_eq!(code, 0);
    assert_eq!(place.read("xdg/hew/config.toml"), "[loop]\njobs = 2\ntimeout = \"5m\"\n");
    let (code, _, err) =
        told(&place.hew("elsewhere", &["set", "loop.jobs", "2", "--project"]).output().unwrap());
    assert_eq!(code, 2, "{err}");
    place.ok(&["unset", "--global", "loop.jobs"]);
    assert_eq!(place.read("xdg/hew/config.toml"), "[loop]\ntimeout = \"5m\"\n");
}

#[test]
fn a_project_that_cant_be_used_is_told_and_not_taken_for_none() {
    let place = Place::new();
    fs::write(place.path("project/.git/config"), "no settings of git's").unwrap();
    place.write("elsewhere/.git", "gitdir: gone\n");
    let words: [&[&str]; 4] =
        [&["set", "loop.gate.command", "true"], &["unset", "loop.jobs"], &["list"], &["validate"]];
    for words in words {
        for (folder, message) in [("project", "git can't read the repository"), ("elsewhere", "repository")] {
            let (code, out, err) = told(&place.hew(folder, words).output().unwrap());
            assert!(code == 2 && out.is_empty() && err.contains(message), "{folder} {words:?}: {out}{err}");
        }
        let (code, _, err) = told(&place.hew("", words).env("PATH", place.path("none")).output().unwrap());
        assert!(code == 2 && err.contains("git can't be run"), "{words:?}: {err}");
    }
    assert!(!place.path("xdg/hew/config.toml").exists(), "the user's file is left alone");
    assert_eq!(told(&place.hew("", &["validate"]).output().unwrap()).0, 0, "outside there is no project");
}

#[test]
fn without_xdg_variable_the_users_file_is_below_home() {
    let place = Place::new();
    let path = told(&place.hew("elsewhere", &["path"]).env_remove("XDG_CONFIG_HOME").output().unwrap()).1;
    assert_eq!(path, format!("user\t{} (not there)\n", place.path("home/.config/hew/config.toml").display()));
}

#[test]
fn a_note_tells_that_a_written_key_is_hidden_by_a_stronger_layer() {
    let place = Place::new();
    place.ok(&["set", "loop.jobs", "2"]);
    let (code, _, err) = place.run(&["set", "--global", "loop.jobs", "3"]);
    assert_eq!(code, 0);
    assert!(err.contains("comes from elsewhere: project "), "{err}");
}

#[test]
fn an_unknown_key_and_a_bad_value_are_refused_with_what_is_allowed() {
    let place = Place::new();
    for (words, told) in [
        (&["set", "loop.jbos", "3"][..], "did you mean loop.jobs?"),
        (&["set", "loop.jbos", "3"], "next: hew config set loop.jobs '3'"),
        (&["get", "loop.jbos"], "did you mean loop.jobs?"),
        (&["unset", "loop.jbos"], "did you mean loop.jobs?"),
        (&["set", "loop.jobs", "17"], "`17` is not a whole number from 1 to 16"),
        (&["set", "loop.budget.tokens", "1M"], "`1M` is not a whole number, at least 1: write 1000000"),
        (&["set", "loop.budget.tokens", "2.5k"], ": write 2500"),
        (&["set", "loop.budget.tokens", "1_000"], ": write 1000"),
        (&["set", "loop.on_gate_fail", "panic"], "is not one of continue, stop"),
        (&["set", "loop.timeout", "90"], "90 has no unit; write 90s, 90m or 90h"),
        (&["set", "loop.gate", "make"], "is a section of keys"),
        (&["get", "loop.gate"], "is a section of keys"),
        (
            &["set", "loop.worktree.copy", "../secret"],
            "`../secret` is not a list of paths inside the project",
        ),
    ] {
        let (code, out, err) = place.run(words);
        assert_eq!((code, out.as_str()), (2, ""), "{words:?}");
        assert!(err.contains(told), "{words:?}: {err}");
    }
    assert!(!place.path("project/.hew.toml").exists());
}

#[test]
fn a_key_without_a_value_has_no_result_and_says_where_to_set_it() {
    let place = Place::new();
    let told = "loop.gate.command is not set; to set it: hew config set loop.gate.command VALUE, \
        or HEW_LOOP_GATE_COMMAND\n";
    for words in [&["get", "loop.gate.command"][..], &["get", "--json", "loop.gate.command"]] {
        assert_eq!(place.run(words), (1, String::new(), told.to_owned()));
    }
    let entry = place.run(&["get", "loop.runtime_defs.x.models.opus"]);
    let told = "loop.runtime_defs.x.models.opus is not set; to set it: \
        hew config set loop.runtime_defs.x.models.opus VALUE\n";
    assert_eq!(entry, (1, String::new(), told.to_owned()));
    assert_eq!(place.run(&["-q", "get", "loop.gate.command"]), (1, String::new(), String::new()));
    assert_eq!(place.ok(&["get", "loop.timeout", "--show-origin"]), "60m\tbuilt-in\n");
}

#[test]
fn an_empty_value_takes_the_key_out() {
    let place = Place::new();
    place.ok(&["set", "loop.gate.command", "make"]);
    place.ok(&["set", "loop.gate.command", ""]);
    assert_eq!(place.run(&["get", "loop.gate.command"]).0, 1);
    assert!(place.ok(&["unset", "loop.gate.command"]).contains("is not in"));
}

#[test]
fn maps_and_lists_go_in_and_come_out() {
    let place = Place::new();
    let env = "loop.runtime_defs.x.env";
    place.ok(&["set", env, "B=2,A=1"]);
    assert_eq!(place.ok(&["get", env]), "A=1,B=2\n");
    place.ok(&["set", &format!("{env}.C"), "3"]);
    assert_eq!(place.ok(&["get", env]), "A=1,B=2,C=3\n");
    assert_eq!(place.ok(&["get", &format!("{env}.C")]), "3\n");
    place.ok(&["unset", &format!("{env}.A")]);
    assert_eq!(place.ok(&["get", env]), "B=2,C=3\n");
    place.ok(&["set", "loop.runtime_defs.x.args", "-p, --fast"]);
    assert_eq!(place.ok(&["get", "loop.runtime_defs.x.args"]), "-p,--fast\n");
    place.ok(&["set", "loop.runtime_defs.x.args", "[\"-p\", \"a,b\"]"]);
    assert_eq!(place.ok(&["get", "loop.runtime_defs.x.args"]), "[\"-p\", \"a,b\"]\n");
    assert_eq!(place.ok(&["get", "loop.worktree.copy"]), "[]\n");
}

#[test]
fn models_and_prices_have_any_name_and_one_key() {
    let place = Place::new();
    let get = |key: &str| place.ok(&["get", key]);
    place.ok(&["set", "loop.model.default", "claude-opus-4-7"]);
    assert_eq!(get("loop.model.default"), "claude-opus-4-7\n");
    place.ok(&["set", "loop.model.by_priority", "0=opus,P2=haiku"]);
    assert_eq!(get("loop.model.by_priority"), "P0=opus,P2=haiku\n");
    for name in ["P0", "0"] {
        let path = format!("loop.model.by_priority.{name}");
        assert_eq!(get(&path), "opus\n");
        place.ok(&["set", &path, "claude-opus-4.1[1m]"]);
        assert_eq!(get("loop.model.by_priority.P0"), "claude-opus-4.1[1m]\n");
        place.ok(&["set", &path, "opus"]);
    }
    place.ok(&["set", "loop.model.by_priority.0", ""]);
    assert_eq!(get("loop.model.by_priority"), "P2=haiku\n");
    place.ok(&["set", "loop.model.by_type.bug.fix", "org/gpt-5.1"]);
    place.ok(&["set", "loop.prices.gpt-5.1", "1.25/10/0.125/1.25"]);
    place.ok(&["set", "loop.prices.\"o4\"", "{ input = 1, output = 4 }"]);
    assert_eq!(get("loop.prices"), "gpt-5.1=1.25/10/0.125/1.25,o4=1/4/1/1\n");
    place.ok(&["set", "loop.runtime_defs.x.models.opus", "gpt-5.1-codex"]);
    assert_eq!(get("loop.runtime_defs.x.models"), "opus=gpt-5.1-codex\n");
    assert_eq!(
        place.read("project/.hew.toml"),
        "[loop.model]\ndefault = \"claude-opus-4-7\"\nby_priority = { P2 = \"haiku\" }\n\n\
         [loop.model.by_type]\n\"bug.fix\" = \"org/gpt-5.1\"\n\n\
         [loop.prices]\n\"gpt-5.1\" = { input = 1.25, output = 10, cache_read = 0.125, cache_create = 1.25 }\n\
         o4 = { input = 1, output = 4, cache_read = 1, cache_create = 1 }\n\n\
         [loop.runtime_defs.x.models]\nopus = \"gpt-5.1-codex\"\n"
    );
    let price: serde_json::Value =
        serde_json::from_str(&place.ok(&["get", "loop.prices.gpt-5.1", "--json"])).unwrap();
    assert_eq!(
        (&price["key"], &price["value"]["cache_read"]),
        (&"loop.prices.gpt-5.1".into(), &0.125.into())
    );
    for (words, told) in [
        (["set", "loop.model.by_priority.P5", "x"], "`P5` is not a priority, P0 to P4 or 0 to 4"),
        (["set", "loop.model.by_prioritty.P0", "x"], "did you mean loop.model.by_priority.P0?"),
        (["set", "loop.model.by_priority", "urgent=x"], "`urgent` is not a priority"),
        (["set", "loop.prices.m", "15"], "two or four numbers are needed"),
        (["set", "loop.budget.usd", "0"], "is not an amount of US dollars above zero"),
        (["set", "loop.budget.grace", "10"], "write 10%"),
    ] {
        let (code, _, err) = place.run(&words);
        assert_eq!(code, 2, "{words:?}");
        assert!(err.contains(told), "{words:?}: {err}");
    }
}

#[test]
fn entries_of_maps_merge_over_layers_and_tell_each_their_place() {
    let place = Place::new();
    place.write("xdg/hew/config.toml", "[loop.model.by_priority]\n0 = 'a'\n1 = 'b'\n");
    place.write("project/.hew.toml", "loop.model.by_priority.P1 = 'c'\n");
    let list = || {
        let mut command = place.hew("project", &["list", "--show-origin"]);
        let output = command.env("HEW_LOOP_MODEL_BY_PRIORITY", "2=d,P3=e").output().unwrap();
        told(&output).1
    };
    for line in [
        format!("loop.model.by_priority.P0=a\tuser {}:2\n", place.path("xdg/hew/config.toml").display()),
        format!("loop.model.by_priority.P1=c\tproject {}:1\n", place.path("project/.hew.toml").display()),
        "loop.model.by_priority.P2=d\tenvironment HEW_LOOP_MODEL_BY_PRIORITY\n".to_owned(),
        "loop.model.by_priority.P3=e\tenvironment HEW_LOOP_MODEL_BY_PRIORITY\n".to_owned(),
    ] {
        assert!(list().contains(&line), "{line} is not in {}", list());
    }
    assert_eq!(
        place.ok(&["get", "loop.model.by_priority", "--show-origin"]),
        format!(
            "P0=a\tuser {0}:2\nP1=c\tproject {1}:1\n",
            place.path("xdg/hew/config.toml").display(),
            place.path("project/.hew.toml").display()
        )
    );
}

#[test]
fn layers_win_in_their_order_and_tell_file_and_line() {
    let place = Place::new();
    let origin = |variable: Option<&str>| {
        let mut command = place.hew("project", &["get", "loop.jobs", "--show-origin"]);
        command.envs(variable.map(|value| ("HEW_LOOP_JOBS", value)));
        told(&command.output().unwrap()).1
    };
    assert_eq!(origin(None), "1\tbuilt-in\n");
    place.write("xdg/hew/config.toml", "# mine\n[loop]\njobs = 2\n");
    let user = place.path("xdg/hew/config.toml");
    assert_eq!(origin(None), format!("2\tuser {}:3\n", user.display()));
    place.write("project/.hew.toml", "loop.jobs = 3\n");
    let project = place.path("project/.hew.toml");
    assert_eq!(origin(None), format!("3\tproject {}:1\n", project.display()));
    assert_eq!(origin(Some("4")), "4\tenvironment HEW_LOOP_JOBS\n");
    assert_eq!(origin(Some("")), format!("3\tproject {}:1\n", project.display()));
    let list = place.ok(&["list", "--show-origin"]);
    assert!(list.contains(&format!("loop.jobs=3\tproject {}:1\n", project.display())), "{list}");
    assert!(place.ok(&["list"]).contains("\nloop.merge=task\n"));
    assert_eq!(place.ok(&["path"]), format!("user\t{}\nproject\t{}\n", user.display(), project.display()));
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_place() {
    let place = Place::new();
    place.write("xdg/hew/config.toml", "[loop]\njobs = 'x'\n");
    place.write("project/.hew.toml", "[loop]\n\njbos = 3\n");
    let output = place.hew("project", &["list"]).env("HEW_LOOP_DELIVER", "perhaps").output().unwrap();
    let (code, out, err) = told(&output);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("3 settings are not valid"), "{err}");
    for told in [
        format!("{}:2: loop.jobs: ", place.path("xdg/hew/config.toml").display()),
        format!(
            "{}:3: unknown key loop.jbos; did you mean loop.jobs?",
            place.path("project/.hew.toml").display()
        ),
        "environment HEW_LOOP_DELIVER: loop.deliver: `perhaps` is not true or false".to_owned(),
    ] {
        assert!(err.contains(&told), "{told}\n{err}");
    }
}

#[test]
fn a_file_that_is_no_toml_is_named_with_its_line_and_left_alone() {
    let place = Place::new();
    place.write("project/.hew.toml", "[loop]\njobs = = 3\n");
    for words in [&["list"][..], &["set", "loop.jobs", "3"], &["unset", "loop.jobs"]] {
        let (code, _, err) = place.run(words);
        assert_eq!(code, 2, "{words:?}");
        let named = format!("{}:2: not valid TOML", place.path("project/.hew.toml").display());
        assert!(err.contains(&named), "{words:?}: {err}");
        assert!(err.ends_with("hew config edit\n"), "{words:?}: {err}");
    }
    assert_eq!(place.read("project/.hew.toml"), "[loop]\njobs = = 3\n");
    place.write("project/.hew.toml", "");
    place.write("xdg/hew/config.toml", "[loop\n");
    let (code, _, err) = place.run(&["list"]);
    assert!(code == 2 && err.ends_with("hew config edit --global\n"), "{err}");
}

#[test]
fn an_unknown_key_in_a_file_does_not_keep_it_from_being_repaired() {
    let place = Place::new();
    place.write("project/.hew.toml", "[loop]\njobs = 99\njbos = 3\n");
    place.ok(&["set", "loop.jobs", "3"]);
    assert_eq!(place.read("project/.hew.toml"), "[loop]\njobs = 3\njbos = 3\n");
}

#[test]
fn two_files_in_one_project_are_an_error_that_names_both() {
    let place = Place::new();
    place.write("project/.hew.toml", "");
    place.write("project/hew.toml", "");
    let (code, _, err) = place.run(&["list"]);
    assert_eq!(code, 2);
    for name in ["project/.hew.toml", "project/hew.toml"] {
        assert!(err.contains(&place.path(name).display().to_string()), "{err}");
    }
}

#[test]
fn the_named_file_is_the_only_one() {
    let place = Place::new();
    place.write("xdg/hew/config.toml", "loop.jobs = 2\n");
    place.write("project/.hew.toml", "loop.jobs = 3\nloop.deliver = false\n");
    place.write("named.toml", "\nloop.jobs = 5\n");
    let named = |words: &[&str], file: &str| {
        told(&place.hew("project", words).env("HEW_CONFIG", place.path(file)).output().unwrap())
    };
    let path = place.path("named.toml");
    assert_eq!(
        named(&["get", "loop.jobs", "--show-origin"], "named.toml").1,
        format!("5\tHEW_CONFIG {}:2\n", path.display())
    );
    assert_eq!(named(&["get", "loop.deliver"], "named.toml").1, "true\n");
    assert_eq!(named(&["set", "loop.jobs", "6"], "named.toml").0, 0);
    assert_eq!(place.read("named.toml"), "\nloop.jobs = 6\n");
    let (code, _, err) = named(&["list"], "absent.toml");
    assert_eq!(code, 2);
    assert!(err.contains("absent.toml, which does not exist"), "{err}");
}

#[test]
fn inside_an_iteration_the_projects_settings_count_and_not_the_worktrees() {
    let place = Place::new();
    place.write("project/.hew.toml", "loop.jobs = 3\n");
    fs::create_dir_all(place.path("other")).unwrap();
    assert!(place.command("git", "other").args(["init", "-q"]).status().unwrap().success());
    place.write("other/.hew.toml", "loop.jobs = 9\n");
    let inside = place
        .hew("other", &["get", "loop.jobs"])
        .env("HEW_RUN_ID", "loop-20260101T000000Z-00000000")
        .env("HEW_PROJECT", place.path("project"))
        .env("HEW_ALLOW_NESTED", "1")
        .output()
        .unwrap();
    assert_eq!(told(&inside).1, "3\n");
}

#[test]
fn keys_tells_each_key_with_what_it_may_hold() {
    let place = Place::new();
    let keys = place.ok(&["keys"]);
    assert!(
        keys.contains(
            "loop.jobs (a whole number from 1 to 16; default 1; HEW_LOOP_JOBS)\n    Workers of a run"
        ),
        "{keys}"
    );
    let rows: Vec<serde_json::Value> =
        place.ok(&["keys", "--json"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), hew_core::settings::keys::KEYS.len());
    let gate = rows.iter().find(|row| row["key"] == "loop.gate.command").unwrap();
    assert_eq!(gate["runs_commands"], true);
    assert_eq!(gate["environment"], "HEW_LOOP_GATE_COMMAND");
}

#[test]
fn machines_get_values_with_their_types() {
    let place = Place::new();
    let json = |words: &[&str]| -> serde_json::Value { serde_json::from_str(&place.ok(words)).unwrap() };
    let set = json(&["set", "loop.jobs", "3", "--json"]);
    assert_eq!(
        (&set["kind"], &set["value"], &set["schema"]),
        (&"setting_written".into(), &3.into(), &1.into())
    );
    let found = json(&["get", "loop.jobs", "--json"]);
    assert_eq!((&found["kind"], &found["value"]), (&"setting".into(), &3.into()));
    assert!(found["origin"].as_str().unwrap().ends_with(".hew.toml:2"));
    let unset = json(&["unset", "loop.jobs", "--json"]);
    assert_eq!((&unset["kind"], &unset["was_there"]), (&"setting_removed".into(), &true.into()));
    let (code, out, err) = place.run(&["get", "loop.jbos", "--json"]);
    let error: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &error["kind"], err.as_str()), (2, &"error".into(), ""));
    for line in place.ok(&["list", "--json"]).lines().chain(place.ok(&["path", "--json"]).lines()) {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(row["schema"], 1);
    }
}

#[test]
fn validate_tells_everything_that_is_wrong_in_all_layers() {
    let place = Place::new();
    assert_eq!(place.ok(&["validate"]), "valid: no settings file, environment\n");
    place.write("xdg/hew/config.toml", "loop.jobs = 2\nloop.runtime_defs.mine.command = 'm'\n");
    place.write("project/.hew.toml", "loop.runtime = 'mine'\nloop.fallback_runtime = 'claude'\n");
    let (user, project) = (place.path("xdg/hew/config.toml"), place.path("project/.hew.toml"));
    assert_eq!(
        place.ok(&["validate"]),
        format!("valid: {}, {}, environment\n", user.display(), project.display())
    );
    let json: serde_json::Value = serde_json::from_str(&place.ok(&["validate", "--json"])).unwrap();
    assert_eq!(
        (&json["kind"], &json["files"][1]),
        (&"settings_valid".into(), &project.to_str().unwrap().into())
    );

    place.write("xdg/hew/config.toml", "[loop]\njbos = 2\n\n[loop.runtime_defs.x]\nargs = []\n");
    let bad = "[loop]\nruntime = 'mien'\nruntimes = ['claud']\n[loop.model.by_priority]\n0 = 'a'\nP7 = 'b'\n\
               [loop.gate]\ntimeout = '5'\n";
    place.write("project/.hew.toml", bad);
    place.write("project/hew.toml", "loop.prices.a = 1\n");
    let output = place.hew("project", &["validate"]).env("HEW_LOOP_JOSB", "4").output().unwrap();
    let (code, out, err) = told(&output);
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    let other = place.path("project/hew.toml");
    for told in [
        format!("{}:2: unknown key loop.jbos; did you mean loop.jobs?", user.display()),
        format!("{}:5: loop.runtime_defs.x.command has to be set too", user.display()),
        format!(
            "{}:2: loop.runtime: runtime `mien` is not defined; set loop.runtime_defs.mien.command",
            project.display()
        ),
        format!(
            "{}:3: loop.runtimes: runtime `claud` is not defined; did you mean claude?",
            project.display()
        ),
        format!(
            "{}:6: loop.model.by_priority.P7: `P7` is not a priority, P0 to P4 or 0 to 4",
            project.display()
        ),
        format!("{}:8: loop.gate.timeout: `5` is not a duration", project.display()),
        format!("{}:1: {} is there too; a project has one settings file", other.display(), project.display()),
        format!("{}:1: loop.prices.a: the number 1 is not a price", other.display()),
        "environment HEW_LOOP_JOSB: unknown key HEW_LOOP_JOSB; did you mean HEW_LOOP_JOBS?".to_owned(),
        format!("then: rm {}", other.display()),
    ] {
        assert!(err.contains(&told), "{told}\n{err}");
    }
    let missing =
        place.hew("project", &["validate"]).env("HEW_CONFIG", place.path("none.toml")).output().unwrap();
    let missing = self::told(&missing);
    assert!(missing.0 == 2 && missing.2.contains("none.toml, which does not exist"), "{}", missing.2);
}

/// An editor that puts the next of these files in the place of what it is to edit.
fn editor(place: &Place, versions: &[&str]) -> String {
    for (number, text) in versions.iter().enumerate() {
        place.write(&format!("versions/{number}"), text);
    }
    place.write("versions/next", "0");
    place.write(
        "ed itor.sh",
        "cd \"$1\" && n=$(cat next) && cp \"$n\" \"$2\" && echo $((n + 1)) > next && echo \"$2\" >> edited",
    );
    let (script, folder) = (place.path("ed itor.sh"), place.path("versions"));
    format!("sh '{}' '{}'", script.display(), folder.display())
}

#[test]
fn edit_opens_the_file_and_checks_it_afterwards() {
    let place = Place::new();
    let edit = |words: &[&str], versions: &[&str]| {
        let editor = editor(&place, versions);
        told(&place.hew("project", &[&["edit"], words].concat()).env("EDITOR", editor).output().unwrap())
    };
    let project = place.path("project/.hew.toml");
    let (code, out, err) = edit(&[], &["# mine\nloop.jobs = 3\n"]);
    assert_eq!((code, out), (0, format!("{} is changed, and valid\n", project.display())), "{err}");
    assert_eq!(place.ok(&["get", "loop.jobs"]), "3\n");
    let (code, _, err) = edit(&["--global"], &["loop.timeout = '5m'\n"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(place.read("xdg/hew/config.toml"), "loop.timeout = '5m'\n");
    let (code, out, err) = edit(&[], &["[loop]\njobs = 0\njbos = 1\n"]);
    assert_eq!((code, out.as_str()), (2, ""), "nobody can be asked");
    for line in ["2: loop.jobs: `0`", "3: unknown key loop.jbos"] {
        assert!(err.contains(&format!("{}:{line}", project.display())), "{err}");
    }
    assert_eq!(
        place.read("project/.hew.toml"),
        "[loop]\njobs = 0\njbos = 1\n",
        "nobody's words are thrown away"
    );
    let mut none = place.hew("project", &["edit"]);
    let (code, _, err) = told(&none.env("EDITOR", "false").output().unwrap());
    assert!(code == 1 && err.contains("the editor `false` failed"), "{err}");
    let mut visual = place.hew("project", &["edit"]);
    let visual =
        visual.env("EDITOR", "false").env("VISUAL", editor(&place, &["loop.jobs = 4\n"])).output().unwrap();
    assert_eq!(told(&visual).0, 0, "VISUAL goes before EDITOR");
}

#[test]
fn on_a_terminal_the_person_goes_on_editing_until_it_is_valid() {
    let place = Place::new();
    let run = |versions: &[&str], answers: &str| {
        let mut command = place.hew("project", &["edit"]);
        command.env("EDITOR", editor(&place, versions));
        ran_on_terminal(command, answers)
    };
    let twice = run(&["loop.jobs = 0\n", "loop.jobs = 2\n"], "\n");
    assert_eq!(twice.code, 0, "{}", twice.stderr);
    assert!(twice.stderr.contains(".hew.toml:1: loop.jobs: `0`") && twice.stderr.contains("Edit again?"));
    assert_eq!(place.ok(&["get", "loop.jobs"]), "2\n");
    let enough = run(&["loop.jobs = 0\n", "loop.jobs = 2\n"], "no\n");
    assert_eq!((enough.code, place.read("versions/next").trim()), (2, "1"), "{}", enough.stderr);
}

#[test]
fn whatever_form_a_file_has_only_the_key_is_written() {
    let place = Place::new();
    for (before, words, after) in [
        (
            "[loop]\r\nworktree.copy = [\r\n  'a', # one\r\n]\r\njobs = 2 # few",
            &["set", "loop.jobs", "3"][..],
            "[loop]\r\nworktree.copy = [\r\n  'a', # one\r\n]\r\njobs = 3 # few",
        ),
        (
            "loop = { gate = { timeout = '5m' }, jobs = 2 }",
            &["unset", "loop.jobs"],
            "loop = { gate = { timeout = '5m' } }",
        ),
        (
            "[loop.gate]\ntimeout = '5m'\n\n[tracker]\nkind = 'auto'\n\n[loop] # late\n",
            &["set", "loop.jobs", "3"],
            "[loop.gate]\ntimeout = '5m'\n\n[tracker]\nkind = 'auto'\n\n[loop] # late\njobs = 3\n",
        ),
        (
            "loop.worktree.copy = [\n 'a',\n 'b',\n]\nloop.jobs = 2",
            &["unset", "loop.worktree.copy"],
            "loop.jobs = 2",
        ),
    ] {
        place.write("project/.hew.toml", before);
        place.ok(words);
        assert_eq!(place.read("project/.hew.toml"), after, "{words:?}");
    }
}
