//! Deliberate faults: small changes of hew's sources that the simulation has to find.
//!
//! A fault is a file in `hew-testkit/faults`: a line that says what is wrong, then blocks that name a file, the text that
//! is replaced, and what replaces it. There, `FAULT` stands for a condition that is true when this fault is played; so
//! many faults go into one build, and each is switched on by itself.

use std::path::{Path, PathBuf};

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file's name without its ending: a number, and words.
    pub name: String,
    /// What is wrong, for people.
    pub what: String,
    /// What is changed.
    pub changes: Vec<Change>,
}

/// One place that is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file, from the root of the sources.
    pub path: String,
    /// What is there.
    pub old: String,
    /// What comes there.
    pub new: String,
}

/// The word that stands for the switch.
const SWITCH: &str = "FAULT";

impl Fault {
    /// Reads a fault's file.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("{name}: {why}");
        let (what, blocks) = text.split_once("\n\n").ok_or_else(|| wrong("there is no change in it"))?;
        let change = |block: &str| -> Option<Change> {
            let (path, rest) = block.split_once("\n<<<<\n")?;
            let (old, rest) = rest.split_once("\n====\n")?;
            let (new, _) = rest.split_once("\n>>>>")?;
            Some(Change { path: path.trim().to_owned(), old: old.to_owned(), new: new.to_owned() })
        };
        let blocks = blocks.strip_prefix("== ").ok_or_else(|| wrong("a change begins with `== `"))?;
        let changes: Option<Vec<Change>> = blocks.split("\n== ").map(change).collect();
        let changes = changes.ok_or_else(|| wrong("a change is not in its form"))?;
        Ok(Self { name: name.to_owned(), what: what.trim().to_owned(), changes })
    }

    /// The number by which it is switched on.
    pub fn number(&self) -> u32 {
        self.name.split('-').next().and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    /// Files of these sources as they are with this fault. An error where one of its texts is not there exactly once.
    pub fn changed(&self, sources: &Path) -> Result<Vec<(PathBuf, String)>, String> {
        let mut files: Vec<(PathBuf, String)> = Vec::new();
        for change in &self.changes {
            let path = sources.join(&change.path);
            let place = files.iter().position(|(known, _)| *known == path);
            let text = match place {
                Some(place) => files.swap_remove(place).1,
                None => {
                    std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?
                }
            };
            let count = text.matches(&change.old).count();
            if count != 1 {
                let (name, path) = (&self.name, &change.path);
                return Err(format!("{name}: what it replaces in {path} is there {count} times"));
            }
            let switch = format!("crate::deliberate::is({})", self.number());
            files.push((path, text.replacen(&change.old, &change.new.replace(SWITCH, &switch), 1)));
        }
        Ok(files)
    }

    /// Puts it into sources. Nothing is changed where it does not fit.
    pub fn put_into(&self, sources: &Path) -> Result<(), String> {
        for (path, text) in self.changed(sources)? {
            std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }
}

/// What the core needs so that faults can be switched on, by the environment.
pub const SWITCHES: &str = r#"
/// Which deliberate fault is played.
pub mod deliberate {
    /// It is this one.
    pub fn is(number: u32) -> bool {
        static PLAYED: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
        let read = || std::env::var("HEW_DELIBERATE_FAULT").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        *PLAYED.get_or_init(read) == number
    }
}
"#;

/// Every fault of a folder, by name.
pub fn faults_in(folder: &Path) -> Result<Vec<Fault>, String> {
    let words = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut faults = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(words)? {
        let path = entry.map_err(words)?.path();
        if path.extension().is_some_and(|kind| kind == "fault") {
            let text = std::fs::read_to_string(&path).map_err(words)?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            faults.push(Fault::parse(&name, &text)?);
        }
    }
    faults.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(faults)
}
