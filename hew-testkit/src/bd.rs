//! The real `bd`, for tests that need it: found, or skipped loudly; stores made by copying one that was made once.

#![expect(clippy::missing_panics_doc, reason = "a stage that can not be set ends the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::tool::on_path;

/// What keeps bd to the folder that it is given.
const QUIET: [(&str, &str); 5] = [
    ("BD_NON_INTERACTIVE", "1"),
    ("BD_DISABLE_METRICS", "1"),
    ("DO_NOT_TRACK", "1"),
    ("NO_COLOR", "1"),
    ("GIT_CONFIG_SYSTEM", "/dev/null"),
];

/// The program, if there is one. Without it the test says so and is over, unless `HEW_REQUIRE_TOOLS=1`.
pub fn program() -> Option<PathBuf> {
    on_path("bd")
}

/// Puts an empty store with the prefix `app` into `<folder>/.beads`.
pub fn make_store(folder: &Path) {
    static TEMPLATE: OnceLock<TempDir> = OnceLock::new();
    let template = TEMPLATE.get_or_init(make_template);
    copy_tree(&template.path().join("store/.beads"), &folder.join(".beads"));
}

/// `bd init` commits to the repository around it: it is given one of its own.
fn make_template() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let store = folder.path().join("store");
    fs::create_dir_all(folder.path().join("home")).expect("the temporary folder can be written");
    fs::create_dir_all(&store).expect("the temporary folder can be written");
    let git = Command::new("git").args(["init", "--quiet"]).current_dir(&store).status();
    assert!(git.expect("git can be run").success(), "git init");
    let mut init = Command::new("bd");
    init.args(["init", "--prefix", "app", "--skip-hooks", "--skip-agents", "--quiet"]);
    let init = init.current_dir(&store).envs(QUIET).env("HOME", folder.path().join("home")).output();
    let init = init.expect("bd can be run");
    assert!(init.status.success(), "bd init: {}", String::from_utf8_lossy(&init.stderr));
    folder
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder can be made");
    for entry in fs::read_dir(from).expect("the folder can be read") {
        let entry = entry.expect("the folder can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("the file can be copied");
        }
    }
}

/// A call of the real bd on a store, as this actor. Answers its output; panics unless it ends with 0.
pub fn bd(beads_dir: &Path, actor: &str, args: &[&str]) -> String {
    let mut command = Command::new("bd");
    command
        .args(args)
        .envs(QUIET)
        .env("BEADS_DIR", beads_dir)
        .env("BD_ACTOR", actor)
        .env("BEADS_ACTOR", actor);
    let home = beads_dir.parent().expect("it lies in a folder");
    let output = command.current_dir(home).output().expect("bd can be run");
    assert!(output.status.success(), "bd {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
