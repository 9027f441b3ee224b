//! Tests of full disks: they run where the folder for temporary files is a small disk of their own.

use std::env;
use std::ffi::OsString;

use crate::loopback::{opens, run_inside};
use crate::tool::skip;

/// Set in the process in which a test's body runs.
const INSIDE: &str = "HEW_TEST_ON_SMALL_DISK";

/// Makes the disk and becomes what follows.
const ENTER: &str = "mount -t tmpfs -o size=64m,nr_inodes=20000 tmpfs \"$TMPDIR\" && exec \"$@\"";

/// Runs a test's body in a process of its own, in which the folder for temporary files is a disk of 64 MB and
/// 20,000 inodes. The closure
/// has to stand in the test's own function. Where no mount namespace can be made the test is skipped.
///
/// # Panics
/// Where the body does.
pub fn on_small_disk<Test: FnOnce()>(body: Test) {
    if env::var_os(INSIDE).is_some() {
        body();
        return;
    }
    let ways = [vec!["unshare", "--mount"], vec!["unshare", "--map-root-user", "--mount"]];
    let Some(way) = ways.into_iter().find(|way| opens(way)) else {
        skip("a mount namespace (unshare --mount)");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let line = [way, vec!["sh", "-c", ENTER, "sh"]].concat();
    let line = line.into_iter().map(OsString::from).collect();
    run_inside::<Test>(line, |command| command.env(INSIDE, "1").env("TMPDIR", folder.path()));
}
