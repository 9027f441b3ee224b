//! Tests of programs that would reach for the network: they run where there is none but the loopback interface.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::tool::say;

/// Set in the process in which a test's body runs: where that is.
const INSIDE: &str = "HEW_TEST_INSIDE";

/// Its value in a network namespace.
const NAMESPACE: &str = "a namespace";

/// Brings the loopback interface up and becomes what follows.
const ENTER: &str = "ip link set lo up && exec \"$@\"";

/// Runs a test's body in a process of its own: in a network namespace with nothing but the loopback interface where one
/// can be made, else with the machine's network, which one line says. `Mark` is the type of a closure that stands in the
/// test's own function; it tells which test that is. Temporary files lie in the target folder there: some agents treat
/// `/tmp` as theirs.
///
/// # Panics
/// Where the body does.
pub fn with_loopback_only<Mark>(body: impl FnOnce()) {
    if let Some(place) = env::var_os(INSIDE) {
        assert!(place != NAMESPACE || interfaces() == ["lo"], "other interfaces: {:?}", interfaces());
        body();
        return;
    }
    let entrance = entrance();
    let place = if entrance.is_empty() { "the machine" } else { NAMESPACE };
    if entrance.is_empty() {
        say(
            "NOTE: no network namespace can be made; the agents' own settings alone keep them from the network",
        );
    }
    let line = entrance.iter().map(OsString::from).collect();
    run_inside::<Mark>(line, |command| command.env(INSIDE, place).env("TMPDIR", temp_folder()));
}

/// Runs the test that `Mark` names in a process of its own, behind these words.
pub(crate) fn run_inside<Mark>(mut line: Vec<OsString>, set: impl FnOnce(&mut Command) -> &mut Command) {
    let own = env::current_exe().expect("a test knows its own program");
    line.extend([own.into(), name_of::<Mark>().into(), "--exact".into(), "--nocapture".into()]);
    let mut command = Command::new(&line[0]);
    set(command.args(&line[1..]).stdin(Stdio::null()));
    let output = command.output().expect("a test can be started again");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "the test was not found again: {said}");
}

fn temp_folder() -> PathBuf {
    let own = env::current_exe().expect("a test knows its own program");
    let target = own.ancestors().nth(3).expect("tests are at <target>/<profile>/deps");
    let folder = target.join("tmp");
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// Network interfaces that this process sees.
fn interfaces() -> Vec<String> {
    let table = fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
    table.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
}

/// What a command line begins with so that it runs in a namespace; empty where none can be made.
fn entrance() -> &'static [&'static str] {
    static ENTRANCE: OnceLock<Vec<&'static str>> = OnceLock::new();
    ENTRANCE.get_or_init(|| {
        let ways = [vec!["unshare", "--net"], vec!["unshare", "--map-root-user", "--net"]];
        let whole = ways.map(|way| [way, vec!["sh", "-c", ENTER, "sh"]].concat());
        whole.into_iter().find(|way| opens(way)).unwrap_or_default()
    })
}

pub(crate) fn opens(way: &[&str]) -> bool {
    let mut command = Command::new(way[0]);
    command.args(&way[1..]).arg("true").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The name of the test in whose function a closure stands: all but the crate in front and `{{closure}}` behind.
fn name_of<Mark>() -> String {
    let path = std::any::type_name::<Mark>();
    let path = path.split_once("::").map_or(path, |(_, rest)| rest);
    path.trim_end_matches("::{{closure}}").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of_value<Mark>(_: &Mark) -> String {
        name_of::<Mark>()
    }

    #[test]
    fn a_closure_tells_the_test_that_it_stands_in() {
        let closure = || {};
        assert_eq!(name_of_value(&closure), "loopback::tests::a_closure_tells_the_test_that_it_stands_in");
    }
}
