//! Git, and what this kernel can keep.

use std::fs;
use std::path::Path;

use hew_core::settings::{SandboxMode, Settings};
use nix::sys::prctl::set_child_subreaper;
use nix::unistd::{AccessFlags, access};

use super::finding::Finding;
use crate::adapters::project::git_version;
use crate::adapters::{sandbox, strict};
use crate::drive::rig;

/// Looks at what needs no project.
pub(super) fn look() -> Vec<Finding> {
    let git = match git_version() {
        Ok(version) => Finding::ok("git", version),
        Err(failure) => Finding::of_failure("git", &failure),
    };
    vec![git, landlock(), subreaper(), namespaces(), cgroup()]
}

/// A sandbox that is asked for and can't be had.
pub(super) fn sandbox(settings: &Settings) -> Option<Finding> {
    let why = match settings.sandbox.value {
        SandboxMode::Off => return None,
        SandboxMode::Strict => strict::kernel_problem(Path::new(rig::RUNNING_PROGRAM)),
        SandboxMode::Worktree => sandbox::kernel_problem(),
    };
    let asked = format!("loop.sandbox = {} ({})", settings.sandbox.value.as_str(), settings.sandbox.origin);
    Some(match why {
        None if settings.sandbox.value == SandboxMode::Strict => {
            Finding::ok("kernel", format!("{asked} is kept by Landlock and namespaces of users and network"))
        }
        None => Finding::ok("kernel", format!("{asked} is kept by Landlock")),
        Some(why) => Finding::problem(
            "kernel",
            format!("{asked} can't be kept"),
            &format!("{why}; no run starts with it"),
            "hew config set loop.sandbox off",
        ),
    })
}

fn landlock() -> Finding {
    match sandbox::kernel_problem() {
        None => Finding::ok("kernel", format!("Landlock, version {} or later", sandbox::version())),
        Some(why) => Finding::note("kernel", why, "loop.sandbox needs it; everything else works without"),
    }
}

fn subreaper() -> Finding {
    let can = set_child_subreaper(true).and_then(|()| set_child_subreaper(false)).is_ok();
    if can {
        return Finding::ok("kernel", "orphans of an agent come back to its supervisor (subreaper)");
    }
    Finding::problem(
        "kernel",
        "no subreaper: a process that leaves its agent can't be found by its descent",
        "what an agent starts might outlive it",
        "uname -r   # Linux 3.4 or later is needed",
    )
}

fn namespaces() -> Finding {
    match strict::kernel_problem(Path::new(rig::RUNNING_PROGRAM)) {
        None => {
            Finding::ok("kernel", "a program can have a network of its own (user and network namespaces)")
        }
        Some(why) => Finding::note(
            "kernel",
            format!("no program can have a network of its own: {why}"),
            "loop.sandbox = \"strict\" needs it; codex's own sandbox needs user namespaces, too",
        ),
    }
}

fn cgroup() -> Finding {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned);
    let folder = own.map(|path| Path::new("/sys/fs/cgroup").join(path.trim_start_matches('/')));
    let is_ours = folder.is_some_and(|folder| {
        folder.join("cgroup.kill").exists() && access(&folder.join("cgroup.procs"), AccessFlags::W_OK).is_ok()
    });
    if is_ours {
        return Finding::ok("kernel", "a cgroup of its own could be made for each agent");
    }
    Finding::note(
        "kernel",
        "this user can't make a cgroup (version 2) here",
        "agents are ended by their descent and their environment, which does not need it",
    )
}
