//! Which tracker a project uses, and why.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::Sender;
use hew_core::engine::Event;
use hew_core::record::event::TrackerRecord;
use hew_core::settings::{Settings, TrackerKind};
use hew_core::tracker::{TaskEditor, TrackerError};
use nix::unistd::{AccessFlags, access};

use super::bd::{self, BdTracker};
use super::bd_watch::{self, BdWatch};
use super::clock::SystemClock;
use super::embedded::EmbeddedTracker;
use super::project::Project;
use super::watch::FileWatch;
use crate::commands::loop_run::missing_program;
use crate::commands::task::tracker_failure;
use crate::failure::Failure;

/// Prefix of ids in a project whose folder has no usable name.
const FALLBACK_PREFIX: &str = "hew";

/// bd's folder in a working tree.
const BEADS: &str = ".beads";

/// A tracker that is open.
pub struct Opened {
    /// The tasks.
    pub tasks: Arc<dyn TaskEditor>,
    /// Which tracker it is, where, and why it is in use.
    pub in_use: TrackerRecord,
    bd: Option<Arc<BdTracker>>,
}

/// Which tracker a project uses, before it is opened.
enum Choice {
    Bd { beads_dir: PathBuf, why: String },
    Embedded { why: String },
}

/// Opens the tracker that the settings name; the embedded store is made where there is none.
pub fn open(project: &Project, settings: &Settings) -> Result<Opened, Failure> {
    open_chosen(project, settings, choose(project, settings)?)
}

/// The same for a look that leaves the project as it is: where there is no store, an empty one in memory stands in for it.
pub fn open_to_look(project: &Project, settings: &Settings) -> Result<Opened, Failure> {
    match choose(project, settings)? {
        Choice::Embedded { why } if has_no_store(project) => {
            let (path, prefix) = (embedded_path(project), id_prefix(project, settings));
            let tasks = EmbeddedTracker::empty(&path, &prefix, Arc::new(SystemClock::start()))
                .map_err(|error| not_opened(&path, &error))?;
            Ok(embedded(Arc::new(tasks), &path, why))
        }
        choice => open_chosen(project, settings, choice),
    }
}

/// The same where there is a tracker; none where its store would have to be made.
pub fn open_if_there(project: &Project, settings: &Settings) -> Result<Option<Opened>, Failure> {
    match choose(project, settings)? {
        Choice::Embedded { .. } if has_no_store(project) => Ok(None),
        choice => open_chosen(project, settings, choice).map(Some),
    }
}

fn open_chosen(project: &Project, settings: &Settings, choice: Choice) -> Result<Opened, Failure> {
    match choice {
        Choice::Bd { beads_dir, why } => open_bd(project, settings, &beads_dir, why),
        Choice::Embedded { why } => {
            let path = embedded_path(project);
            Ok(embedded(open_embedded(&path, &id_prefix(project, settings))?, &path, why))
        }
    }
}

/// One that can't be looked at counts as there, so that it is told of as everywhere.
fn has_no_store(project: &Project) -> bool {
    matches!(embedded_path(project).try_exists(), Ok(false))
}

impl Opened {
    /// bd's folder, where tasks live in bd.
    pub fn beads_dir(&self) -> Option<PathBuf> {
        self.bd.as_ref().map(|bd| bd.beads_dir().to_owned())
    }

    /// Tells of changes from outside, as long as what is answered is held on to.
    pub fn watch(&self, project: &Project, events: Sender<Event>) -> std::io::Result<TrackerWatch> {
        if let Some(bd) = &self.bd {
            return Ok(TrackerWatch(Some(bd_watch::start(Arc::clone(bd), events)?)));
        }
        let store = embedded_path(project);
        let folder = store.parent().map_or_else(|| store.clone(), PathBuf::from);
        FileWatch::new([folder])?.forward(events, |_| Event::TrackerChanged)?;
        Ok(TrackerWatch(None))
    }
}

/// Somebody who tells of changes.
#[derive(Debug)]
pub struct TrackerWatch(#[expect(dead_code, reason = "held for its end")] Option<BdWatch>);

fn choose(project: &Project, settings: &Settings) -> Result<Choice, Failure> {
    let command = &settings.tracker_command.value;
    let kind = &settings.tracker_kind;
    let set = || format!("tracker.kind is {}, {}", kind.value.as_str(), kind.origin);
    let beads_dir = beads_dir(project);
    match kind.value {
        TrackerKind::Embedded => Ok(Choice::Embedded { why: set() }),
        TrackerKind::Bd => match beads_dir.or_else(named_beads_dir) {
            Some(beads_dir) => Ok(Choice::Bd { beads_dir, why: set() }),
            None => Err(Failure::usage("tasks are to live in bd, but there is no folder .beads here")
                .because(set())
                .hint("bd init, which makes a commit; or: hew config set tracker.kind embedded")),
        },
        TrackerKind::Auto => Ok(match (beads_dir, missing_program(command)) {
            (Some(beads_dir), None) => {
                let why = format!("there is a folder .beads, and {command} can be run");
                Choice::Bd { beads_dir, why }
            }
            (Some(_), Some(missing)) => {
                Choice::Embedded { why: format!("there is a folder .beads, but {missing}") }
            }
            (None, _) => Choice::Embedded { why: "there is no folder .beads".to_owned() },
        }),
    }
}

/// `.beads` of the main working tree, else of the one that hew was started in.
fn beads_dir(project: &Project) -> Option<PathBuf> {
    let roots = project.main_root.iter().chain([&project.root]);
    roots.map(|root| root.join(BEADS)).find(|folder| folder.is_dir())
}

/// Where the user keeps beads outside the project.
fn named_beads_dir() -> Option<PathBuf> {
    variable("BEADS_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute() && folder.is_dir())
}

fn open_bd(project: &Project, settings: &Settings, beads_dir: &Path, why: String) -> Result<Opened, Failure> {
    let command = settings.tracker_command.value.clone();
    let refused = |failure: Failure| {
        failure.because(format!("tasks live in bd: {why}")).hint(format!(
            "install bd {} or later, or: hew config set tracker.command PROGRAM, \
             or: hew config set tracker.kind embedded",
            bd::OLDEST
        ))
    };
    if let Some(missing) = missing_program(&command) {
        return Err(refused(Failure::usage(missing)));
    }
    // An agent that is locked in can write hooks; what it wrote is not run outside.
    let has_hooks = !settings.is_sandboxed();
    let program = bd::Program { command, beads_dir: beads_dir.to_owned(), limit: bd::LIMIT, has_hooks };
    let bd = BdTracker::open(program, &project.shared_dir, Arc::new(SystemClock::start()))
        .map_err(|error| refused(Failure::usage(error.to_string())))?;
    let bd = Arc::new(bd);
    let in_use = TrackerRecord {
        kind: TrackerKind::Bd.as_str().to_owned(),
        version: Some(bd.version().to_string()),
        place: beads_dir.display().to_string(),
        why,
    };
    Ok(Opened { tasks: Arc::clone(&bd) as Arc<dyn TaskEditor>, in_use, bd: Some(bd) })
}

fn embedded(tasks: Arc<dyn TaskEditor>, path: &Path, why: String) -> Opened {
    let kind = TrackerKind::Embedded.as_str().to_owned();
    let in_use = TrackerRecord { kind, version: None, place: path.display().to_string(), why };
    Opened { tasks, in_use, bd: None }
}

fn open_embedded(path: &Path, prefix: &str) -> Result<Arc<dyn TaskEditor>, Failure> {
    let tracker = EmbeddedTracker::open(path, prefix, Arc::new(SystemClock::start()));
    Ok(Arc::new(tracker.map_err(|error| not_opened(path, &error))?))
}

fn not_opened(path: &Path, error: &TrackerError) -> Failure {
    let failure = tracker_failure(error);
    match error {
        // It may well be hew's: putting it aside would hide every task.
        TrackerError::Store { .. } if !is_writable(path) => {
            let path = path.display();
            failure
                .because(format!("{path} or its folder is not writable for this user"))
                .hint(format!("ls -l {path}   # whose it is; hew needs to write to it, even to list tasks"))
        }
        TrackerError::Store { .. } => {
            let path = path.display();
            failure.hint(format!(
                "ls -l {path}\nif it is not hew's: mv {path} {path}.aside, and a new one is made"
            ))
        }
        _ => failure,
    }
}

/// The store, or what is there of its folders, may be written by this user.
fn is_writable(path: &Path) -> bool {
    let is_denied = path.try_exists().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied);
    let is_here = |place: &&Path| place.exists();
    let folder = path.ancestors().skip(1).find(is_here);
    let places = Some(path).filter(is_here).into_iter().chain(folder);
    !is_denied && places.into_iter().all(|place| access(place, AccessFlags::W_OK).is_ok())
}

/// Where the embedded store is. Files in its folder change whenever a task does.
pub fn embedded_path(project: &Project) -> PathBuf {
    project.shared_dir.join("tracker").join("tasks.db")
}

/// An environment variable that is set, not empty and UTF-8.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// As set (settings take only names), else the name of the project's folder.
fn id_prefix(project: &Project, settings: &Settings) -> String {
    let folder = project.main_root.as_deref().unwrap_or(&project.root);
    settings.tracker_prefix.value.clone().unwrap_or_else(|| prefix_of(folder))
}

/// The folder's name, reduced to small letters, digits and dashes.
fn prefix_of(folder: &Path) -> String {
    let name = folder.file_name().map(|name| reduced(&name.to_string_lossy())).unwrap_or_default();
    if name.is_empty() { FALLBACK_PREFIX.to_owned() } else { name }
}

fn reduced(name: &str) -> String {
    let small = name.to_lowercase();
    let parts = small.split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit());
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_made_of_what_ids_allow() {
        for (folder, prefix) in [
            ("/x/My App_2", "my-app-2"),
            ("/x/..", "hew"),
            ("/", "hew"),
            ("/x/été", "t"),
            ("/x/-a.b-", "a-b"),
            ("/x/日本", "hew"),
        ] {
            assert_eq!(prefix_of(Path::new(folder)), prefix, "{folder}");
        }
    }
}
