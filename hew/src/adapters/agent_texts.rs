//! Texts of hew's in a project, where agents look for them: `.claude/skills/<name>/SKILL.md` for claude, a section of
//! `AGENTS.md` for codex.
//!
//! Invariants: nothing outside of the project is written, wherever links lead; what somebody else wrote stays, in its
//! place or in a copy beside it.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::files;
use crate::skills::installed::{self, Refresh};
use crate::skills::{AGENTS_SECTION, SKILLS};

/// Who reads texts of hew's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Claude Code.
    Claude,
    /// Codex, and others that read `AGENTS.md`.
    Codex,
}

/// What was done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installed {
    /// It was not there.
    Made,
    /// Another text of hew's stood there, or it was added to what stood there.
    Refreshed,
    /// It is as this hew would write it.
    WasThere,
    /// It was not touched.
    LeftAlone,
}

/// A file that has a text of hew's, or should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentText {
    /// The file.
    pub path: PathBuf,
    /// What was done with it.
    pub done: Installed,
    /// Where the file as it was is kept.
    pub copy: Option<PathBuf>,
    /// Why it was left alone.
    pub why: Option<String>,
}

impl Reader {
    /// Everybody.
    pub const ALL: [Self; 2] = [Self::Claude, Self::Codex];

    /// The name of its runtime.
    pub fn runtime(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
        }
    }

    /// It has a text of hew's in this project already.
    pub fn has_any(self, root: &Path) -> bool {
        let files = self.files(root).into_iter();
        files.filter_map(|(path, _)| fs::read_to_string(path).ok()).any(|text| installed::has_own(&text))
    }

    /// Brings all its texts into a project, or up to date there.
    pub fn install(self, root: &Path) -> Vec<AgentText> {
        let files = self.files(root).into_iter();
        files
            .map(|(path, text)| match bring(self, root, &path, text) {
                Ok(done) => done,
                Err(why) => left_alone(&path, why.to_string()),
            })
            .collect()
    }

    fn files(self, root: &Path) -> Vec<(PathBuf, &'static str)> {
        match self {
            Self::Claude => {
                let folder = root.join(".claude").join("skills");
                let file =
                    |skill: &crate::skills::Skill| (folder.join(skill.name).join("SKILL.md"), skill.text);
                SKILLS.iter().map(file).collect()
            }
            Self::Codex => vec![(root.join("AGENTS.md"), AGENTS_SECTION)],
        }
    }
}

fn left_alone(path: &Path, why: String) -> AgentText {
    AgentText { path: path.to_owned(), done: Installed::LeftAlone, copy: None, why: Some(why) }
}

fn bring(reader: Reader, root: &Path, path: &Path, text: &str) -> io::Result<AgentText> {
    if !stays_inside(root, path)? {
        return Ok(left_alone(path, "a link leads out of the project".to_owned()));
    }
    let now = match fs::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let now =
        now.map(String::from_utf8).transpose().map_err(|_| io::Error::other("it is no text in UTF-8"))?;
    let refresh = match reader {
        Reader::Claude => installed::refresh_file(now.as_deref(), text),
        Reader::Codex => installed::refresh_section(now.as_deref(), text),
    };
    let (text, keep_copy) = match refresh {
        Refresh::Nothing => {
            return Ok(AgentText { path: path.to_owned(), done: Installed::WasThere, copy: None, why: None });
        }
        Refresh::Leave(why) => return Ok(left_alone(path, why)),
        Refresh::Write { text, keep_copy } => (text, keep_copy),
    };
    let copy = keep_copy.then(|| keep(path, now.as_deref().unwrap_or_default())).transpose()?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    files::replace(path, |file| file.write_all(text.as_bytes()))?;
    let done = if now.is_some() { Installed::Refreshed } else { Installed::Made };
    Ok(AgentText { path: path.to_owned(), done, copy, why: None })
}

/// Whether what is written there lands in the project. A repository that was cloned may hold links to anywhere.
fn stays_inside(root: &Path, path: &Path) -> io::Result<bool> {
    let root = root.canonicalize()?;
    // A link to what is not there would be followed, too.
    let there = path.ancestors().find(|place| place.symlink_metadata().is_ok());
    Ok(there.is_some_and(|place| place.canonicalize().is_ok_and(|real| real.starts_with(&root))))
}

/// Keeps a file's text beside it, under a name that is free.
fn keep(path: &Path, text: &str) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for number in 1.. {
        let number = if number == 1 { String::new() } else { format!(".{number}") };
        let copy = path.with_file_name(format!("{name}.before-hew{number}"));
        match fs::File::create_new(&copy) {
            Ok(mut file) => {
                file.write_all(text.as_bytes())?;
                file.sync_all()?;
                return Ok(copy);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    unreachable!("one of all numbers is free")
}
