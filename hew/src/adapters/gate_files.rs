//! Reads the files of a worktree's root that a gate can be found in.

use std::fs;
use std::path::Path;

use hew_core::land::gate_detect::{GateFiles, MAKEFILES, NamedText, is_justfile_name};

use super::files::read_plain;

/// Most bytes of a file that are looked at.
const MAX_FILE: u64 = 1024 * 1024;
/// Where pytest may be configured, in pytest's own order.
const PYTHON: [&str; 5] = ["pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"];

/// What is there to find a gate in. A file that can't be read is as good as absent: it could not be run either.
pub fn load(worktree: &Path) -> GateFiles {
    let named = |name: &str| Some(NamedText { name: name.to_owned(), text: text_of(&worktree.join(name))? });
    GateFiles {
        justfile: justfile_name(worktree).and_then(|name| named(&name)),
        makefile: MAKEFILES.into_iter().find_map(named),
        cargo_toml: worktree.join("Cargo.toml").is_file(),
        package_json: text_of(&worktree.join("package.json")),
        python: PYTHON.into_iter().filter_map(named).collect(),
        go_mod: worktree.join("go.mod").is_file(),
    }
}

fn justfile_name(worktree: &Path) -> Option<String> {
    let entries = fs::read_dir(worktree).ok()?.flatten();
    let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| is_justfile_name(name));
    names.sort();
    names.pop()
}

fn text_of(path: &Path) -> Option<String> {
    let bytes = read_plain(path, MAX_FILE).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use hew_core::land::gate_detect::detect_gate;

    use super::*;

    #[test]
    fn a_gate_is_found_in_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(detect_gate(&load(dir.path())), None);
        fs::write(dir.path().join("go.mod"), "module x\n").unwrap();
        assert_eq!(detect_gate(&load(dir.path())).unwrap().command, "go test ./...");
        fs::write(dir.path().join("makefile"), "test:\n\tx\n").unwrap();
        assert_eq!(detect_gate(&load(dir.path())).unwrap().definition_files, ["makefile"]);
        fs::write(dir.path().join("JustFile"), b"# \xff\nlint:\n x\n").unwrap();
        assert_eq!(detect_gate(&load(dir.path())).unwrap().definition_files, ["JustFile"]);
    }

    #[test]
    fn a_pipe_or_a_folder_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        nix::unistd::mkfifo(&dir.path().join("Makefile"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        fs::create_dir(dir.path().join("Cargo.toml")).unwrap();
        assert_eq!(detect_gate(&load(dir.path())), None);
    }
}
