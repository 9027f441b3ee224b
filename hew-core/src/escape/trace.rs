//! Git's own events (`GIT_TRACE2_EVENT`), told of by every git that an agent starts: which command ran in which tree.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::claim::{Claim, Place};
use super::evidence::Evidence;
use super::git_reach::Standing;
use crate::settings::secret::SecretValues;

/// Most bytes of a line that are looked at; none that is of interest is longer.
const MAX_LINE: usize = 64 * 1024;
/// Most commands that are under way at once.
const MAX_OPEN: usize = 10_000;
/// Most claims.
const MAX_CLAIMS: usize = 1000;
/// Exit codes from here on mean that git did not get as far as its work.
const FATAL: i32 = 128;

/// A git command, as its events tell of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct GitCommand {
    /// Its words.
    pub(super) argv: Vec<String>,
    /// The command itself: `commit`.
    pub(super) name: String,
    /// The working tree that it worked on.
    pub(super) folder: Option<PathBuf>,
    /// It set out and could not do it.
    pub(super) is_fatal: bool,
}

/// Reads events line by line, in bounded memory.
#[derive(Debug)]
pub struct TraceReader {
    place: Place,
    secrets: SecretValues,
    open: HashMap<String, GitCommand>,
    standing: Standing,
    claims: Vec<Claim>,
}

#[derive(Deserialize)]
struct Line {
    event: String,
    sid: String,
    #[serde(default)]
    argv: Vec<String>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    worktree: Option<PathBuf>,
    #[serde(default)]
    code: i32,
}

impl TraceReader {
    /// A reader for an iteration that works here; evidence has none of these secrets.
    pub fn new(place: Place, secrets: SecretValues) -> Self {
        Self { place, secrets, open: HashMap::new(), standing: Standing::default(), claims: Vec::new() }
    }

    /// Takes the next line. What can't be read is passed over: agents can put anything into their own trace.
    pub fn take_line(&mut self, line: &[u8]) {
        const WANTED: [&[u8]; 4] = [
            b"{\"event\":\"start\"",
            b"{\"event\":\"def_repo\"",
            b"{\"event\":\"cmd_name\"",
            b"{\"event\":\"exit\"",
        ];
        if line.len() > MAX_LINE || !WANTED.iter().any(|start| line.starts_with(start)) {
            return;
        }
        let Ok(line) = serde_json::from_slice::<Line>(line) else { return };
        if line.event == "start" && self.open.len() < MAX_OPEN {
            self.open.insert(line.sid, GitCommand { argv: line.argv, ..GitCommand::default() });
            return;
        }
        let Some(command) = self.open.get_mut(&line.sid) else { return };
        match line.event.as_str() {
            // The first tree is the command's own; submodules come after it.
            "def_repo" => command.folder = command.folder.take().or(line.worktree),
            "cmd_name" => command.name = line.name,
            "exit" => {
                // `config` exits with 1 to 7 where it wrote nothing; others may have done a part.
                command.is_fatal = line.code >= FATAL || command.name == "config" && line.code != 0;
                if let Some(command) = self.open.remove(&line.sid) {
                    self.judge(&command);
                }
            }
            _ => {}
        }
    }

    /// What the commands reached for; those that were cut off count.
    pub fn finish(mut self) -> Vec<Claim> {
        let cut_off: Vec<GitCommand> = std::mem::take(&mut self.open).into_values().collect();
        for command in cut_off {
            self.judge(&command);
        }
        self.claims
    }

    fn judge(&mut self, command: &GitCommand) {
        if command.is_fatal {
            return;
        }
        for reach in self.standing.reaches(command, &self.place) {
            let folder = command.folder.as_deref().map(|path| path.to_string_lossy()).unwrap_or_default();
            let claim = Claim { reach, evidence: Evidence::git(&self.shown(&command.argv), &folder) };
            if self.claims.len() < MAX_CLAIMS && !self.claims.contains(&claim) {
                self.claims.push(claim);
            }
        }
    }
    /// Before they are cut: a part of a secret is one, too.
    fn shown(&self, argv: &[String]) -> Vec<String> {
        argv.iter().map(|word| self.secrets.left_out_of(word).into_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escape::Reach;

    fn claims(name: &str, args: &str, code: i32) -> Vec<Reach> {
        let place = Place {
            worktree: "/w/0".into(),
            checkout: "/p".into(),
            common_dir: "/p/.git".into(),
            is_cloned: false,
        };
        let words: Vec<&str> = ["git", name].into_iter().chain(args.split(' ')).collect();
        let mut reader = TraceReader::new(place, SecretValues::default());
        for line in [
            serde_json::json!({"event": "start", "sid": "s", "argv": words}),
            serde_json::json!({"event": "def_repo", "sid": "s", "worktree": "/w/0"}),
            serde_json::json!({"event": "cmd_name", "sid": "s", "name": name}),
            serde_json::json!({"event": "exit", "sid": "s", "code": code}),
        ] {
            // Git writes the event's kind first.
            let rest = line.as_object().unwrap().iter().filter(|(key, _)| *key != "event");
            let rest: Vec<String> = rest.map(|(key, value)| format!("\"{key}\":{value}")).collect();
            reader.take_line(format!("{{\"event\":{},{}}}", line["event"], rest.join(",")).as_bytes());
        }
        reader.finish().into_iter().map(|claim| claim.reach).collect()
    }

    #[test]
    fn what_git_could_not_do_is_no_evidence() {
        let unset = "--unset core.hooksPath";
        assert_eq!(claims("config", unset, 0).last(), Some(&Reach::Setting("core.hookspath".to_owned())));
        assert_eq!(claims("config", unset, 5), [], "there was nothing to unset");
        let moves = "refs/heads/main HEAD";
        assert_eq!(claims("update-ref", moves, 1), [Reach::Branch("main".to_owned())]);
        assert_eq!(claims("update-ref", moves, 128), []);
    }
}
