//! The machine that hew runs on, as plans have to know it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use hew_core::plan::Host;
use hew_core::settings::Settings;
use nix::unistd::geteuid;

use super::npm;
use crate::commands::trust;

/// The host as it is now; `settings` name the programs of which wrappers are looked through.
pub fn load(settings: &Settings) -> Host {
    let commands = settings.runtime_defs.values().filter_map(|def| def.command.value.as_ref());
    let wrapped = commands.filter_map(|command| {
        let native = npm::behind(&find_program(command)?)?;
        Some((command.clone(), native))
    });
    Host { wrapped: wrapped.collect(), env: environment(), uid: geteuid().as_raw() }
}

/// hew's own environment, as far as it is text, without what a person says to hew alone.
pub fn environment() -> BTreeMap<String, String> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).filter(|(name, _)| name != trust::VARIABLE).collect()
}

/// The file that a command stands for: itself with a slash in it, else the first that can be run on PATH.
pub fn find_program(command: &str) -> Option<PathBuf> {
    if command.contains('/') {
        return Some(PathBuf::from(command)).filter(|path| is_runnable(path));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(command)).find(|file| is_runnable(file))
}

/// A file that somebody may run.
pub(super) fn is_runnable(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
