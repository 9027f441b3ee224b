//! `hew init` through the real binary.

#![expect(clippy::unwrap_used, reason = "a test that can not set its stage has failed")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use hew_testkit::terminal::ran_on_terminal;
use tempfile::TempDir;

/// A git repository that nothing of the developer's reaches.
struct Repository {
    root: TempDir,
}

impl Repository {
    fn new() -> Self {
        let repository = Self { root: TempDir::new().unwrap() };
        fs::create_dir_all(repository.path("app/sub")).unwrap();
        assert!(
            repository.command("git", "app").args(["init", "-q", "-b", "main"]).status().unwrap().success()
        );
        repository
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

    fn hew(&self, words: &[&str]) -> (i32, String, String) {
        let output = self.command(env!("CARGO_BIN_EXE_hew"), "app").args(words).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// Runs hew and answers stdout; anything but exit code 0 is a failure of the test.
    fn ok(&self, words: &[&str]) -> String {
        let (code, out, err) = self.hew(words);
        assert_eq!(code, 0, "{words:?}: {err}");
        out
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

#[test]
fn init_makes_settings_state_and_tracker_and_says_so() {
    let repository = Repository::new();
    let said = repository.ok(&["init", "--runtime", "claude"]);
    for (what, name) in [
        ("settings", "app/.hew.toml"),
        ("state", "app/.hew/.gitignore"),
        ("tracker", "app/.git/hew/tracker/tasks.db"),
    ] {
        assert!(repository.path(name).exists(), "{name}");
        let line = format!("{what:<9} {:<10} {}\n", "made", repository.path(name).display());
        assert!(said.contains(&line), "{said}");
    }
    assert!(said.ends_with("next: hew task add \"TITLE\"\n"), "{said}");
    assert_eq!(repository.read("app/.hew/.gitignore"), "*\n");
    assert_eq!(repository.ok(&["config", "get", "loop.runtime"]), "claude\n");
    assert_eq!(repository.ok(&["config", "get", "loop.runtime_defs.claude.command"]), "claude\n");
    assert_eq!(repository.ok(&["config", "get", "loop.runtime_defs.claude.prompt"]), "stdin\n");
}

#[test]
fn nothing_of_the_state_is_ever_seen_by_git() {
    let repository = Repository::new();
    repository.ok(&["init", "--yes"]);
    let status = repository.command("git", "app").args(["status", "--porcelain", "-uall"]).output().unwrap();
    assert_eq!(String::from_utf8(status.stdout).unwrap(), "?? .hew.toml\n");
}

#[test]
fn a_second_init_changes_nothing_and_says_what_is_there() {
    let repository = Repository::new();
    repository.ok(&["init", "--runtime", "claude"]);
    fs::write(repository.path("app/.hew.toml"), "# mine\nloop.jobs = 2\n").unwrap();
    fs::write(repository.path("app/.hew/.gitignore"), "# kept\n*\n").unwrap();
    let said = repository.ok(&["init", "--runtime", "codex"]);
    assert_eq!(said.matches(" was there ").count(), 3, "{said}");
    assert_eq!(repository.read("app/.hew.toml"), "# mine\nloop.jobs = 2\n");
    assert_eq!(repository.read("app/.hew/.gitignore"), "# kept\n*\n");
    assert!(said.ends_with("next: hew config set loop.runtime codex\n"), "{said}");
}

#[test]
fn the_other_name_of_a_settings_file_counts_as_there() {
    let repository = Repository::new();
    fs::write(repository.path("app/hew.toml"), "loop.jobs = 2\n").unwrap();
    repository.ok(&["init"]);
    assert!(!repository.path("app/.hew.toml").exists());
}

#[test]
fn a_lost_gitignore_is_made_again() {
    let repository = Repository::new();
    repository.ok(&["init"]);
    fs::remove_file(repository.path("app/.hew/.gitignore")).unwrap();
    let said = repository.ok(&["init"]);
    assert!(said.contains("state     made"), "{said}");
    assert_eq!(repository.read("app/.hew/.gitignore"), "*\n");
}

#[test]
fn several_runtimes_get_a_definition_each_and_the_first_is_the_main_one() {
    let repository = Repository::new();
    repository.ok(&["init", "--runtime", "codex,claude,mine"]);
    assert_eq!(repository.ok(&["config", "get", "loop.runtime"]), "codex\n");
    for name in ["codex", "claude"] {
        let key = format!("loop.runtime_defs.{name}.command");
        assert_eq!(repository.ok(&["config", "get", &key]), format!("{name}\n"));
    }
    assert!(repository.read("app/.hew.toml").contains("# [loop.runtime_defs.mine]\n"));
}

#[test]
fn a_runtime_that_the_user_has_defined_gets_no_second_definition() {
    let repository = Repository::new();
    repository.ok(&["config", "set", "--global", "loop.runtime_defs.claude.command", "my-claude"]);
    repository.ok(&["init", "--runtime", "claude"]);
    assert_eq!(repository.ok(&["config", "get", "loop.runtime_defs.claude.command"]), "my-claude\n");
    assert!(!repository.read("app/.hew.toml").contains("runtime_defs"));
}

#[test]
fn nothing_is_made_where_something_is_wrong() {
    let repository = Repository::new();
    let (code, _, err) = repository.hew(&["init", "--runtime", "a b"]);
    assert_eq!(code, 2);
    assert!(err.contains("--runtime: loop.runtime: `a b` is not a name"), "{err}");
    fs::write(repository.path("app/.hew.toml"), "loop.jbos = 2\n").unwrap();
    let (code, _, err) = repository.hew(&["init"]);
    assert_eq!(code, 2);
    assert!(err.contains(".hew.toml:1: unknown key loop.jbos"), "{err}");
    assert!(!repository.path("app/.hew").exists() && !repository.path("app/.git/hew").exists());
}

#[test]
fn outside_of_a_repository_it_ends_with_2() {
    let repository = Repository::new();
    fs::create_dir_all(repository.path("bare-folder")).unwrap();
    let output = repository.command(env!("CARGO_BIN_EXE_hew"), "bare-folder").arg("init").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!repository.path("bare-folder/.hew.toml").exists());
}

#[test]
fn machines_get_one_object() {
    let repository = Repository::new();
    let told: serde_json::Value = serde_json::from_str(&repository.ok(&["init", "--json"])).unwrap();
    assert_eq!((&told["schema"], &told["kind"]), (&1.into(), &"init".into()));
    let things: Vec<_> =
        told["things"].as_array().unwrap().iter().map(|thing| thing["what"].as_str().unwrap()).collect();
    assert_eq!(things, ["settings", "state", "tracker"]);
}

/// Runs `hew init` with these words on a terminal, on which somebody has typed an answer. Answers what it told there.
fn init_on_a_terminal(repository: &Repository, words: &[&str], answer: &str) -> String {
    let mut command = repository.command(env!("CARGO_BIN_EXE_hew"), "app");
    command.arg("init").args(words);
    let ran = ran_on_terminal(command, answer);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stderr
}

#[test]
fn on_a_terminal_it_asks_for_the_runtime_unless_told_not_to() {
    let repository = Repository::new();
    let told = init_on_a_terminal(&repository, &[], "codex\n");
    assert!(told.contains("Which runtime"), "{told}");
    assert_eq!(repository.ok(&["config", "get", "loop.runtime"]), "codex\n");

    let other = Repository::new();
    let told = init_on_a_terminal(&other, &["--yes"], "");
    assert!(!told.contains("Which runtime"), "{told}");
    assert!(other.path("app/.hew.toml").exists());
}
