//! The file in which a runtime keeps its session: what it used, where its output does not say so (yet).
//!
//! codex: `$CODEX_HOME/sessions/YYYY/MM/DD/rollout-*-<thread>.jsonl`. claude: `<config>/projects/<folder>/<session>.jsonl`.
//! Found by the session's id, read from where it stood when the agent was started, and only as far as it has grown.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use hew_core::plan::SpawnPlan;
use hew_core::settings::OutputForm;
use nix::fcntl::OFlag;

/// Most bytes that one look reads.
const MAX_LOOK: u64 = 4 << 20;
/// Most bytes that the last look reads.
const MAX_LAST_LOOK: u64 = 256 << 20;
/// Folders of days that are looked into for a session of this run, and for one that goes on.
const NEW_DAYS: usize = 3;
const ALL_DAYS: usize = 1000;
/// Most folders of projects that are looked into.
const MAX_PROJECTS: usize = 5000;
const CHUNK: usize = 64 * 1024;

/// A session's file, there or not yet.
#[derive(Debug)]
pub struct SessionFile {
    place: Place,
    found: Option<PathBuf>,
    read_to: u64,
}

/// Where a runtime keeps its sessions.
#[derive(Debug)]
enum Place {
    /// Folders of years, months and days.
    Codex(PathBuf),
    /// A folder for each project; which one is this agent's.
    Claude { projects: PathBuf, project: String },
}

impl SessionFile {
    /// The file of the session that this plan starts or goes on with; none for runtimes that keep none. What stands in
    /// it already is not this agent's.
    pub fn of(plan: &SpawnPlan) -> Option<Self> {
        let in_home = |key: &str, name: &str| {
            let set = plan.env.get(key).filter(|folder| !folder.is_empty()).map(PathBuf::from);
            set.or_else(|| Some(Path::new(plan.env.get("HOME")?).join(name)))
        };
        let place = match plan.output {
            OutputForm::Text => return None,
            OutputForm::CodexJsonl => Place::Codex(in_home("CODEX_HOME", ".codex")?.join("sessions")),
            OutputForm::ClaudeStream => {
                let cwd = fs::canonicalize(&plan.cwd).unwrap_or_else(|_| plan.cwd.clone());
                let dashed = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
                let project = cwd.to_string_lossy().chars().map(dashed).collect();
                Place::Claude { projects: in_home("CLAUDE_CONFIG_DIR", ".claude")?.join("projects"), project }
            }
        };
        let mut file = Self { place, found: None, read_to: 0 };
        if let Some(session) = &plan.resumes {
            file.found = file.find(&session.id, true);
            let len = file.found.as_ref().and_then(|path| fs::metadata(path).ok()).map(|data| data.len());
            file.read_to = len.unwrap_or(0);
        }
        Some(file)
    }

    /// Hands on what has been added since the last look, as far as one look goes.
    pub fn read_new(&mut self, session_id: Option<&str>, take: &mut dyn FnMut(&[u8])) {
        self.read(session_id, false, MAX_LOOK, take);
    }

    /// Hands on the rest.
    pub fn read_rest(&mut self, session_id: Option<&str>, take: &mut dyn FnMut(&[u8])) {
        self.read(session_id, true, MAX_LAST_LOOK, take);
    }

    /// A file that is not there or can't be read says nothing: the agent's output alone counts then.
    fn read(&mut self, session_id: Option<&str>, thoroughly: bool, max: u64, take: &mut dyn FnMut(&[u8])) {
        if self.found.is_none() {
            self.found = session_id.and_then(|id| self.find(id, thoroughly));
        }
        let Some(path) = &self.found else { return };
        if let Ok(read) = read_from(path, self.read_to, max, take) {
            self.read_to += read;
        }
    }

    fn find(&self, id: &str, thoroughly: bool) -> Option<PathBuf> {
        // An id is a part of a file's name, whatever an agent prints as one.
        if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            return None;
        }
        match &self.place {
            Place::Codex(sessions) => {
                let days = if thoroughly { ALL_DAYS } else { NEW_DAYS };
                let end = format!("-{id}.jsonl");
                newest_days(sessions).take(days).find_map(|day| {
                    names(&day)
                        .find(|name| name.starts_with("rollout-") && name.ends_with(&end))
                        .map(|name| day.join(name))
                })
            }
            Place::Claude { projects, project } => {
                let name = format!("{id}.jsonl");
                let usual = projects.join(project).join(&name);
                if usual.is_file() || !thoroughly {
                    return Some(usual).filter(|path| path.is_file());
                }
                names(projects)
                    .take(MAX_PROJECTS)
                    .map(|project| projects.join(project).join(&name))
                    .find(|path| path.is_file())
            }
        }
    }
}

/// Folders of days, newest first.
fn newest_days(sessions: &Path) -> impl Iterator<Item = PathBuf> {
    newest(sessions.to_owned()).flat_map(newest).flat_map(newest)
}

/// Folders whose names are numbers, highest first.
fn newest(folder: PathBuf) -> impl Iterator<Item = PathBuf> {
    let mut found: Vec<String> =
        names(&folder).filter(|name| name.chars().all(|c| c.is_ascii_digit())).collect();
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.into_iter().map(move |name| folder.join(name))
}

fn names(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

/// The agent could have put anything there: a pipe must not hang the reader.
fn read_from(path: &Path, from: u64, max: u64, take: &mut dyn FnMut(&[u8])) -> io::Result<u64> {
    let mut file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    let data = file.metadata()?;
    if !data.is_file() || data.len() <= from {
        return Ok(0);
    }
    file.seek(SeekFrom::Start(from))?;
    hand_on(file.take(max), take)
}

fn hand_on(mut file: io::Take<File>, take: &mut dyn FnMut(&[u8])) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK];
    let mut all = 0;
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(all),
            read => {
                take(&chunk[..read]);
                all += read as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read_of(file: &mut SessionFile, id: &str) -> String {
        let mut found = Vec::new();
        file.read_rest(Some(id), &mut |bytes| found.extend_from_slice(bytes));
        String::from_utf8(found).unwrap()
    }

    #[test]
    fn the_newest_day_is_looked_into_first_and_only_what_is_new_is_handed_on() {
        let dir = tempfile::tempdir().unwrap();
        let at = |day: &str| dir.path().join(day).join("rollout-2026-a1-b2.jsonl");
        write(&at("2025/12/31"), "old\n");
        write(&at("2026/01/02"), "one\n");
        write(&dir.path().join("notes/2026/01/x"), "");
        let mut file = SessionFile { place: Place::Codex(dir.path().to_owned()), found: None, read_to: 0 };
        assert_eq!(read_of(&mut file, "no-such"), "");
        assert_eq!(read_of(&mut file, "../b2"), "");
        assert_eq!(read_of(&mut file, "a1-b2"), "one\n");
        write(&at("2026/01/02"), "one\ntwo\n");
        assert_eq!(read_of(&mut file, "a1-b2"), "two\n");
        assert_eq!(read_of(&mut file, "a1-b2"), "");
    }

    #[test]
    fn a_session_of_claudes_is_found_in_its_project_or_at_last_in_any() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("-w-x/s1.jsonl"), "mine\n");
        write(&dir.path().join("-other/s2.jsonl"), "elsewhere\n");
        let file = || SessionFile {
            place: Place::Claude { projects: dir.path().to_owned(), project: "-w-x".to_owned() },
            found: None,
            read_to: 0,
        };
        assert_eq!(read_of(&mut file(), "s1"), "mine\n");
        assert_eq!(read_of(&mut file(), "s2"), "elsewhere\n");
        let mut found = 0;
        file().read_new(Some("s2"), &mut |bytes| found += bytes.len());
        assert_eq!(found, 0);
    }
}
