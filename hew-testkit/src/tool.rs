//! Programs that a test needs and a machine may lack.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The file of a program: what the variable names, else the first one of that name on PATH. Without it the test is to
/// end: one line says that it is skipped.
///
/// # Panics
/// Where `HEW_REQUIRE_TOOLS=1` and the program is not there.
pub fn tool(name: &str, variable: &str) -> Option<PathBuf> {
    let found = env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    let found = found.or_else(|| on_path(name, &env::var_os("PATH")?)).filter(|file| file.is_file());
    if found.is_none() {
        let is_required = env::var_os("HEW_REQUIRE_TOOLS").is_some_and(|value| value == "1");
        assert!(!is_required, "this test needs {name}: on PATH, or named by {variable}");
        eprintln!("SKIPPED: needs {name}");
    }
    found
}

fn on_path(name: &str, path: &OsString) -> Option<PathBuf> {
    env::split_paths(path).map(|folder| folder.join(name)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
