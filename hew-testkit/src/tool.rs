//! Programs that a test needs and a machine may lack.

use std::env;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// The file of a program, which a variable names: tests never start one that somebody uses for their own work. Without
/// it the test is to end: one line says that it is skipped.
///
/// # Panics
/// Where `HEW_REQUIRE_TOOLS=1` and the program is not there.
pub fn tool(name: &str, variable: &str) -> Option<PathBuf> {
    let found = env::var_os(variable).map(PathBuf::from).filter(|file| file.is_file());
    if found.is_none() {
        skip(&format!("{name} ({variable} names its file)"));
    }
    found
}

/// A program that everybody may run, where `PATH` has it. Without it what needs it is left out: one line says so.
///
/// # Panics
/// Where `HEW_REQUIRE_TOOLS=1` and the program is not there.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let found = find(name);
    if found.is_none() {
        skip(&format!("{name} on PATH"));
    }
    found
}

/// strace, where it may trace. Without it what needs it is left out: one line says so.
///
/// # Panics
/// Where `HEW_REQUIRE_TOOLS=1` and the program is not there, or may not.
pub fn strace() -> Option<PathBuf> {
    let program = on_path("strace")?;
    let tried = Command::new(&program).args(["-qq", "-o", "/dev/null", "true"]).status();
    if !tried.is_ok_and(|status| status.success()) {
        skip("strace, and leave to trace");
        return None;
    }
    Some(program)
}

fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// Says that a test is skipped for want of this; the test is to end.
///
/// # Panics
/// Where `HEW_REQUIRE_TOOLS=1`.
pub(crate) fn skip(needed: &str) {
    let is_required = env::var_os("HEW_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(!is_required, "HEW_REQUIRE_TOOLS is 1, and this test needs {needed}");
    say(&format!("SKIPPED: needs {needed}"));
}

/// A line on standard error that is seen although tests that pass are silent.
pub(crate) fn say(line: &str) {
    // Nobody may be listening; the test goes on.
    let _ = writeln!(std::io::stderr(), "{line}");
}
