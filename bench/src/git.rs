//! git by its command line, as bare as it can be.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Problem;

/// The environment that every program of a measurement gets: nothing of the user's own git or hew settings.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    pub(crate) home: PathBuf,
    pub(crate) path: String,
}

impl Environment {
    /// A command with this environment and no other.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", &self.home)
            .env("XDG_CONFIG_HOME", self.home.join("config"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        command
    }

    /// Runs git and answers what it printed, trimmed.
    pub(crate) fn git(&self, folder: &Path, words: &[&str]) -> Result<String, Problem> {
        let failed = |why: &str| format!("git {} in {}: {why}", words.join(" "), folder.display());
        // By name, so that the counting git is found where PATH has it.
        let mut command = self.command("git");
        let output = command.args(words).current_dir(folder).output().map_err(|e| failed(&e.to_string()))?;
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).trim()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}
