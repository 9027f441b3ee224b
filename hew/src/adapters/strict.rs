//! Whether a program can have a network of its own here (`loop.sandbox = "strict"`): it is tried.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use hew_core::plan::{Network, PoliteSignal, Sandbox};

use super::process::{Launch, Supervised};

/// What an administrator may have set against it, by file, value and the name that people know.
const FORBIDDING: [(&str, &str, &str); 4] = [
    ("/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces"),
    ("/proc/sys/user/max_net_namespaces", "0", "user.max_net_namespaces"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "kernel.apparmor_restrict_unprivileged_userns",
    ),
];

/// Why a program can't be kept from the network here; none where it can. `shim` is hew's own program.
pub fn kernel_problem(shim: &Path) -> Option<String> {
    let nothing = Sandbox { folders: Vec::new(), files: Vec::new(), network: Some(Network::of([])) };
    let launch = Launch {
        shim,
        argv: ["sh", "-c", ":"].map(str::to_owned).to_vec(),
        env: Vec::new(),
        cwd: Path::new("/"),
        stdin: None,
        polite_signal: PoliteSignal::Terminate,
        kill_grace: Duration::ZERO,
        sandbox: Some(&nothing),
    };
    let failure = Supervised::start(&launch, Stdio::null(), Stdio::null()).err()?;
    let is_set = |(file, value, _): &&(&str, &str, &str)| {
        fs::read_to_string(file).is_ok_and(|found| found.trim() == *value)
    };
    let set = FORBIDDING.iter().filter(is_set).map(|(_, value, name)| format!("{name} is {value} here"));
    Some([failure.to_string()].into_iter().chain(set).collect::<Vec<_>>().join("; "))
}
