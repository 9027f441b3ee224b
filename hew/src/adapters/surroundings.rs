//! The looks at what agents share with the user, and putting back the settings that run code.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hew_core::escape::{FileMark, Surroundings};

use super::git::{FileSettings, RepoGit, mark_of};

/// Files of the shared git folder that hold settings.
const SETTINGS_FILES: [&str; 2] = ["config", "config.worktree"];

/// Looks at one project, again and again.
#[derive(Debug)]
pub struct Surveyor {
    git: RepoGit,
    common_dir: PathBuf,
    checkout: PathBuf,
    leave_out: Vec<PathBuf>,
    files: KnownSettings,
}

/// What the files of settings held when they were last read.
#[derive(Debug, Clone, Default)]
pub struct KnownSettings([SettingsFile; SETTINGS_FILES.len()]);

/// A file of settings, as it was when it was last read.
#[derive(Debug, Clone, Default)]
struct SettingsFile {
    bytes: Vec<u8>,
    settings: FileSettings,
}

/// A key's values in each file of settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyValues([Vec<String>; SETTINGS_FILES.len()]);

impl Surveyor {
    /// For a checkout of the repository with this shared git folder; what lies in these folders of it does not count.
    pub fn new(common_dir: &Path, checkout: &Path, leave_out: Vec<PathBuf>) -> Self {
        Self {
            git: RepoGit::new(common_dir),
            common_dir: common_dir.to_owned(),
            checkout: checkout.to_owned(),
            leave_out,
            files: KnownSettings::default(),
        }
    }

    /// Everything as it stands. What can't be read is none.
    pub fn look(&mut self) -> Surroundings {
        Surroundings {
            settings: self.settings(),
            hooks: self.hooks(),
            branches: self.git.branches().ok(),
            checkout: self.git.look_at_checkout(&self.checkout, &self.leave_out).ok(),
        }
    }

    /// The settings as they were when they were last looked at.
    pub fn known_settings(&self) -> KnownSettings {
        self.files.clone()
    }

    /// Gives a key the values that it had, if it still has those that an agent gave it. Answers whether it has them now.
    pub fn put_back(&mut self, key: &str, before: &KeyValues, after: &KeyValues) -> bool {
        if self.settings().is_none() || self.files.values_of(key) != *after {
            return false;
        }
        for (at, name) in SETTINGS_FILES.iter().enumerate() {
            if before.0[at] != after.0[at]
                && self.git.put_setting(&self.common_dir.join(name), key, &before.0[at]).is_err()
            {
                return false;
            }
        }
        self.settings().is_some() && self.files.values_of(key) == *before
    }

    /// A process only where a file has changed.
    pub fn settings(&mut self) -> Option<BTreeMap<String, Vec<String>>> {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (file, name) in self.files.0.iter_mut().zip(SETTINGS_FILES) {
            let path = self.common_dir.join(name);
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
                Err(_) => return None,
            };
            if bytes.is_empty() {
                *file = SettingsFile::default();
            } else if bytes != file.bytes {
                let settings = self.git.settings_in(&path).ok()?;
                *file = SettingsFile { bytes, settings };
            }
            for (key, values) in &file.settings {
                all.entry(key.clone()).or_default().extend(values.iter().cloned());
            }
        }
        Some(all)
    }

    fn hooks(&self) -> Option<BTreeMap<String, FileMark>> {
        let entries = match fs::read_dir(self.common_dir.join("hooks")) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Some(BTreeMap::new()),
            Err(_) => return None,
        };
        let marks = entries.flatten().filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_sample = Path::new(&name).extension().is_some_and(|extension| extension == "sample");
            mark_of(&entry.path()).filter(|_| !is_sample).map(|mark| (name, mark))
        });
        Some(marks.collect())
    }
}

impl KeyValues {
    /// The values in all files.
    pub fn all(&self) -> Vec<String> {
        self.0.concat()
    }
}

impl KnownSettings {
    /// A key's values.
    pub fn values_of(&self, key: &str) -> KeyValues {
        KeyValues(self.0.each_ref().map(|file| file.settings.get(key).cloned().unwrap_or_default()))
    }
}
