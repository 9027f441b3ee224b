//! Which file a program's name stands for, by the environment that the program will have.

use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::protocol::StartFailure;

/// A start that failed: its kind and what to tell.
pub(super) type StartError = (StartFailure, String);

/// Finds the program as `execvp` would: a name with a slash from `cwd`, any other on `path`.
pub(super) fn find_program(name: &str, path: Option<&str>, cwd: &Path) -> Result<PathBuf, StartError> {
    if name.is_empty() {
        return Err((StartFailure::Other, "the program's name is empty".to_owned()));
    }
    if name.contains('/') {
        return runnable(&cwd.join(name)).unwrap_or_else(|| Err(missing(format!("there is no {name}"))));
    }
    let folders = path.unwrap_or("/usr/local/bin:/usr/bin:/bin");
    let candidates = folders.split(':').map(|folder| cwd.join(folder).join(name));
    let mut found: Vec<_> = candidates.filter_map(|file| runnable(&file)).collect();
    let first_that_runs = found.iter().position(Result::is_ok).unwrap_or(0);
    if found.is_empty() {
        return Err(missing(format!("it is not in PATH ({folders})")));
    }
    found.swap_remove(first_that_runs)
}

fn missing(reason: String) -> StartError {
    (StartFailure::Missing, reason)
}

/// `None`: no such file. A folder on PATH with the program's name is no program.
fn runnable(file: &Path) -> Option<Result<PathBuf, StartError>> {
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let answer = access(file, AccessFlags::X_OK);
    Some(answer.map(|()| file.to_owned()).map_err(|_| {
        (StartFailure::Other, format!("{} is not executable (permission denied)", file.display()))
    }))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_program_is_found_missing_or_not_executable() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, mode| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "x").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let (plain, _) = (file("a/tool", 0o644), file("a/only-plain", 0o644));
        let good = file("b/tool", 0o755);
        fs::create_dir(dir.path().join("b/folder")).unwrap();
        let path = format!("{0}/none:{0}/a:{0}/b", dir.path().display());
        let find = |name: &str| find_program(name, Some(&path), dir.path());
        assert_eq!(find("tool"), Ok(good.clone()), "a plain file on PATH is passed over");
        assert_eq!(find("b/tool"), Ok(good));
        assert_eq!(find("nothing").unwrap_err().0, StartFailure::Missing);
        assert_eq!(find("folder").unwrap_err().0, StartFailure::Missing);
        assert_eq!(find("./nothing").unwrap_err().0, StartFailure::Missing);
        assert_eq!(find("").unwrap_err().0, StartFailure::Other);
        assert_eq!(find("only-plain").unwrap_err().0, StartFailure::Other);
        assert_eq!(find(plain.to_str().unwrap()).unwrap_err().0, StartFailure::Other);
    }
}
