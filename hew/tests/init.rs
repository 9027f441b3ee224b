//! `hew init` through the real binary.

#![expect(clippy::unwrap_used, reason = "a test that can not set its stage has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use hew::skills::installed::{Refresh, refresh_file, refresh_section};
use hew::skills::{AGENTS_SECTION, SKILLS, Skill};
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

    /// Every file below `app` that is no part of git's folder, with its content.
    fn files(&self) -> BTreeMap<String, String> {
        let mut folders = vec![self.path("app")];
        let mut files = BTreeMap::new();
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                let name = path.strip_prefix(self.path("app")).unwrap().display().to_string();
                match path.is_dir() {
                    true if name != ".git" && !path.is_symlink() => folders.push(path),
                    true => {}
                    false => drop(files.insert(name, fs::read_to_string(path).unwrap())),
                }
            }
        }
        files
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
    let seen = String::from_utf8(status.stdout).unwrap();
    let is_meant = |line: &str| line == "?? .hew.toml" || line.starts_with("?? .claude/skills/hew-");
    assert!(seen.contains("?? .hew.toml\n") && seen.lines().all(is_meant), "{seen}");
}

#[test]
fn a_second_init_changes_nothing_and_says_what_is_there() {
    let repository = Repository::new();
    repository.ok(&["init", "--runtime", "claude"]);
    fs::write(repository.path("app/.hew.toml"), "# mine\nloop.jobs = 2\n").unwrap();
    fs::write(repository.path("app/.hew/.gitignore"), "# kept\n*\n").unwrap();
    let said = repository.ok(&["init", "--runtime", "codex"]);
    assert_eq!(said.matches(" was there ").count(), 3 + SKILLS.len(), "{said}");
    assert!(said.contains("text      made ") && said.contains("app/AGENTS.md\n"), "{said}");
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
fn who_asks_for_the_runtime_local_is_told_what_it_needs() {
    let repository = Repository::new();
    let told = repository.ok(&["init", "--runtime", "local"]);
    let next = told.lines().find(|line| line.starts_with("next: ")).expect("it names a command");
    assert!(next.contains("hew config set loop.local.endpoint http://"), "{told}");
    assert!(next.contains("hew config set loop.local.model NAME"), "{told}");
    repository.ok(&["config", "set", "loop.local.endpoint", "http://127.0.0.1:9/v1"]);
    let told = repository.ok(&["init", "--runtime", "local"]);
    assert!(told.contains("next: hew config set loop.local.model NAME"), "{told}");
    repository.ok(&["config", "set", "loop.local.model", "small"]);
    assert!(repository.ok(&["init", "--runtime", "local"]).contains("next: hew task add"));
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
    assert_eq!(things[..3], ["settings", "state", "tracker"]);
    assert!(things[3..].len() == SKILLS.len() && things[3..].iter().all(|what| *what == "text"));
    assert!(told["things"].as_array().unwrap().iter().all(|thing| thing["done"] == "made"), "{told}");
}

/// Runs `hew init` with these words on a terminal, on which somebody has typed an answer. Answers what it told there.
fn init_on_a_terminal(repository: &Repository, words: &[&str], answer: &str) -> String {
    let mut command = repository.command(env!("CARGO_BIN_EXE_hew"), "app");
    command.arg("init").args(words);
    let ran = ran_on_terminal(command, answer);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stderr
}

/// What init writes it trusts, and nothing that comes after it.
#[test]
fn what_init_has_written_is_trusted_until_somebody_changes_it() {
    let repository = Repository::new();
    repository.ok(&["init", "--runtime", "claude,codex"]);
    repository.ok(&["trust", "--show"]);
    repository.ok(&["init"]);
    let text = repository.read("app/.hew.toml");
    assert!(text.contains("\n[loop.gate]\n"), "{text}");
    repository
        .write("app/.hew.toml", &text.replace("\n[loop.gate]\n", "\n[loop.gate]\ncommand = \"true\"\n"));
    let (code, _, err) = repository.hew(&["trust", "--show"]);
    assert_eq!(code, 1, "{err}");
    // Running init again is no way around it: it did not write that.
    for words in [&["init"][..], &["init", "--yes"]] {
        repository.ok(words);
        assert_eq!(repository.hew(&["trust", "--show"]).0, 1, "{words:?}");
    }
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

fn skill_file(name: &str) -> String {
    format!("app/.claude/skills/{name}/SKILL.md")
}

fn text_of(refresh: Refresh) -> String {
    match refresh {
        Refresh::Write { text, .. } => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn claude_and_codex_get_their_texts_and_a_second_time_nothing_changes() {
    let repository = Repository::new();
    let said = repository.ok(&["init", "--runtime", "claude,codex"]);
    for skill in SKILLS {
        let text = repository.read(&skill_file(skill.name));
        assert!(text.starts_with(&format!("---\nname: {}\ndescription: How ", skill.name)), "{text}");
        assert!(said.contains(&skill_file(skill.name)), "{said}");
    }
    let section = repository.read("app/AGENTS.md");
    assert!(section.starts_with("<!-- hew:begin -->\n") && section.ends_with("<!-- hew:end -->\n"));
    assert!(section.contains(&format!("<!-- hew:version={} -->", env!("CARGO_PKG_VERSION"))), "{section}");
    let before = repository.files();
    for words in [&["init"][..], &["init", "--yes"], &["init", "--runtime", "claude,codex"]] {
        let said = repository.ok(words);
        assert!(said.contains("\nnothing was changed\nnext: hew task add"), "{said}");
        assert_eq!(repository.files(), before);
    }
}

#[test]
fn only_agents_that_are_used_get_texts() {
    let repository = Repository::new();
    repository.ok(&["init", "--runtime", "shell"]);
    assert_eq!(repository.files().into_keys().collect::<Vec<_>>(), [".hew.toml", ".hew/.gitignore"]);
    let other = Repository::new();
    other.write("app/.hew.toml", "loop.runtime = \"auto\"\nloop.runtimes = [\"shell\", \"codex\"]\n");
    other.ok(&["init"]);
    let names: Vec<String> = other.files().into_keys().collect();
    assert_eq!(names, [".hew.toml", ".hew/.gitignore", "AGENTS.md"]);
}

#[test]
fn from_any_folder_of_it_the_project_is_set_up_in_its_root() {
    let repository = Repository::new();
    let mut command = repository.command(env!("CARGO_BIN_EXE_hew"), "app/sub");
    assert!(command.args(["init", "--runtime", "claude,codex"]).output().unwrap().status.success());
    let below = |name: &String| name.starts_with("sub/");
    let files = repository.files();
    assert!(files.contains_key("AGENTS.md") && !files.keys().any(below), "{:?}", files.keys());
}

/// Versions and texts of hew's are refreshed; what a person wrote stays.
#[test]
fn older_texts_are_refreshed_and_a_persons_text_is_kept() {
    let repository = Repository::new();
    let older = |text: &str| {
        let version = format!("hew:version={}", env!("CARGO_PKG_VERSION"));
        text.replace(&version, "hew:version=0.0.1").replace("hew task plan", "hew task file")
    };
    let plan = Skill::named("hew-plan").unwrap();
    let (around, below) = ("# Rules\n\nTabs.\n", "\n## More\n\nNo goto.\n");
    let section = text_of(refresh_section(Some(around), &older(AGENTS_SECTION)));
    repository.write("app/AGENTS.md", &format!("{section}{below}"));
    repository.write(&skill_file("hew-plan"), &text_of(refresh_file(None, &older(plan.text))));
    repository.write(&skill_file("hew-loop"), "# Mine, of the same name\n");
    repository.write(&skill_file("mine"), "---\nname: mine\n---\n");

    let said = repository.ok(&["init", "--runtime", "shell"]);
    let text = repository.read("app/AGENTS.md");
    assert!(text.starts_with(around) && text.ends_with(&format!("<!-- hew:end -->\n{below}")), "{text}");
    assert!(text.contains("hew task plan") && !text.contains("hew task file"), "{text}");
    assert_eq!(repository.read(&skill_file("hew-plan")), text_of(refresh_file(None, plan.text)));
    assert!(repository.read(&skill_file("hew-loop")).starts_with("---\nname: hew-loop\n"));
    let copy = skill_file("hew-loop") + ".before-hew";
    assert_eq!(repository.read(&copy), "# Mine, of the same name\n");
    assert!(said.contains(&format!("(as it was: {})", repository.path(&copy).display())), "{said}");
    assert_eq!(repository.read(&skill_file("mine")), "---\nname: mine\n---\n");
    let copies = repository.files().into_keys().filter(|name| name.ends_with(".before-hew")).count();
    assert_eq!(copies, 1, "what hew itself had written is replaced without a copy");

    let edited = repository.read("app/AGENTS.md").replace("Never push.", "Push at will.");
    repository.write("app/AGENTS.md", &edited);
    repository.ok(&["init"]);
    assert_eq!(repository.read("app/AGENTS.md.before-hew"), edited);
    assert!(repository.read("app/AGENTS.md").contains("Never push."));
}

#[test]
fn what_can_not_be_refreshed_safely_is_left_alone_and_told() {
    let repository = Repository::new();
    repository.write("outside/settings", "theirs\n");
    fs::create_dir_all(repository.path("app/.claude/skills/hew-plan")).unwrap();
    symlink(repository.path("outside/settings"), repository.path(&skill_file("hew-plan"))).unwrap();
    repository.write("app/AGENTS.md", "mine\n<!-- hew:begin -->\nno end\n");
    fs::create_dir_all(repository.path(&skill_file("hew-loop"))).unwrap();
    let said = repository.ok(&["init", "--runtime", "claude,codex"]);
    assert_eq!(said.matches("left alone").count(), 3, "{said}");
    assert!(said.contains("a link leads out of the project") && said.contains("needs exactly one line"));
    assert_eq!(repository.read("outside/settings"), "theirs\n");
    assert_eq!(repository.read("app/AGENTS.md"), "mine\n<!-- hew:begin -->\nno end\n");
    // A link within the project is the person's way of having one file for all.
    let other = Repository::new();
    other.write("app/CLAUDE.md", "mine\n");
    symlink("CLAUDE.md", other.path("app/AGENTS.md")).unwrap();
    other.ok(&["init", "--runtime", "codex"]);
    assert!(other.read("app/CLAUDE.md").starts_with("mine\n\n<!-- hew:begin -->\n"));
    assert!(other.path("app/AGENTS.md").is_symlink());
}

#[test]
fn what_somebody_wrote_into_the_state_folders_gitignore_stays() {
    let repository = Repository::new();
    repository.write("app/.hew/.gitignore", "!keep-me");
    let said = repository.ok(&["init", "--yes"]);
    assert_eq!(repository.read("app/.hew/.gitignore"), "!keep-me\n*\n");
    assert!(said.contains("state     changed "), "{said}");
}

#[test]
fn the_tracker_that_is_asked_for_is_written_if_it_can_be_used() {
    let repository = Repository::new();
    let (code, _, err) = repository.hew(&["init", "--tracker", "bd"]);
    assert!(code == 2 && err.contains("no folder .beads") && err.contains("bd init"), "{err}");
    assert_eq!(repository.files(), BTreeMap::new(), "nothing was made");
    repository.ok(&["init", "--tracker", "embedded"]);
    assert_eq!(repository.ok(&["config", "get", "tracker.kind"]), "embedded\n");
}

#[test]
fn settings_that_are_there_change_only_where_somebody_says_so() {
    let repository = Repository::new();
    let before = "# mine\nloop.jobs = 2\n";
    repository.write("app/.hew.toml", before);
    let words = ["init", "--reconfigure", "--runtime", "codex", "--tracker", "embedded"];
    let (code, _, err) = repository.hew(&words);
    assert_eq!((code, repository.read("app/.hew.toml").as_str()), (2, before), "{err}");
    assert!(err.contains("nobody can be asked") && err.contains("loop.runtime: not set -> codex"), "{err}");

    let said = repository.ok(&[&words[..], &["--yes"]].concat());
    assert!(said.contains("settings  changed "), "{said}");
    let text = repository.read("app/.hew.toml");
    assert!(text.starts_with("# mine\n") && text.contains("jobs = 2"), "{text}");
    assert_eq!(repository.ok(&["config", "get", "loop.runtime"]), "codex\n");
    assert_eq!(repository.ok(&["config", "get", "tracker.kind"]), "embedded\n");
    assert!(repository.ok(&[&words[..], &["--yes"]].concat()).contains("settings  was there "));

    repository.ok(&["init", "--reconfigure", "--runtime", "mine", "--yes"]);
    assert!(repository.read("app/.hew.toml").contains("# [loop.runtime_defs.mine]\n"));
}

#[test]
fn on_a_terminal_a_second_init_offers_what_it_can_do() {
    let repository = Repository::new();
    repository.write("app/.hew.toml", "# mine\nloop.runtime = \"claude\"\n");
    let told = init_on_a_terminal(&repository, &[], "what\ncancel\n");
    assert!(told.contains("set up already") && told.contains("Nothing was changed."), "{told}");
    assert_eq!(repository.files().into_keys().collect::<Vec<_>>(), [".hew.toml"]);

    init_on_a_terminal(&repository, &[], "refresh\n");
    assert!(repository.path(&skill_file("hew-plan")).exists());
    assert_eq!(repository.read("app/.hew.toml"), "# mine\nloop.runtime = \"claude\"\n");

    let sandbox = if hew::adapters::sandbox::kernel_problem().is_none() { "\n" } else { "" };
    let told = init_on_a_terminal(&repository, &[], &format!("reconfigure\ncodex\n{sandbox}no\n"));
    assert!(told.contains("loop.runtime: claude -> codex"), "{told}");
    assert!(repository.read("app/.hew.toml").contains("\"claude\""), "it was not agreed to");
    init_on_a_terminal(&repository, &[], &format!("reconfigure\ncodex\n{sandbox}yes\n"));
    assert_eq!(repository.ok(&["config", "get", "loop.runtime"]), "codex\n");
    assert!(repository.path("app/AGENTS.md").exists());
}

#[test]
fn where_the_kernel_can_keep_it_a_sandbox_is_offered_and_trusted() {
    if let Some(why) = hew::adapters::sandbox::kernel_problem() {
        eprintln!("SKIPPED: needs Landlock: {why}");
        return;
    }
    let repository = Repository::new();
    let told = init_on_a_terminal(&repository, &[], "claude\nyes\n");
    assert!(told.contains("(loop.sandbox)"), "{told}");
    assert_eq!(repository.ok(&["config", "get", "loop.sandbox"]), "worktree\n");
    repository.ok(&["trust", "--show"]);
    init_on_a_terminal(&repository, &["--reconfigure"], "\nno\nyes\n");
    assert_eq!(repository.ok(&["config", "get", "loop.sandbox"]), "off\n");
    repository.ok(&["trust", "--show"]);
}
