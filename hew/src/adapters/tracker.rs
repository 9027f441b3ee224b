//! Which tracker a project uses.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hew_core::settings::{Settings, TrackerKind};
use hew_core::tracker::{TaskEditor, TrackerError};
use tempfile::TempDir;

use super::clock::SystemClock;
use super::embedded::EmbeddedTracker;
use super::project::Project;
use crate::commands::task::tracker_failure;
use crate::failure::Failure;

/// Prefix of ids in a project whose folder has no usable name.
const FALLBACK_PREFIX: &str = "hew";

/// Opens the tracker that the settings name; the embedded store is made where there is none.
pub fn open(project: &Project, settings: &Settings) -> Result<Arc<dyn TaskEditor>, Failure> {
    match settings.tracker_kind.value {
        TrackerKind::Auto | TrackerKind::Embedded => {}
        TrackerKind::Bd => {
            return Err(Failure::usage("bd can't be driven yet").hint("hew config set tracker.kind embedded"));
        }
    }
    open_embedded(&embedded_path(project), &id_prefix(project, settings))
}

/// The same for a look that leaves the project as it is: where there is no store, an empty one stands in for it, in a
/// temporary folder that has to be held on to.
pub fn open_to_look(
    project: &Project,
    settings: &Settings,
) -> Result<(Arc<dyn TaskEditor>, Option<TempDir>), Failure> {
    if embedded_path(project).exists() {
        return Ok((open(project, settings)?, None));
    }
    let folder = tempfile::tempdir().map_err(|error| {
        Failure::usage("a temporary folder can't be made").because(error).hint("echo $TMPDIR")
    })?;
    Ok((open_embedded(&folder.path().join("tasks.db"), &id_prefix(project, settings))?, Some(folder)))
}

fn open_embedded(path: &Path, prefix: &str) -> Result<Arc<dyn TaskEditor>, Failure> {
    let tracker = EmbeddedTracker::open(path, prefix, Arc::new(SystemClock::start()));
    Ok(Arc::new(tracker.map_err(|error| not_opened(path, &error))?))
}

fn not_opened(path: &Path, error: &TrackerError) -> Failure {
    let failure = tracker_failure(error);
    match error {
        TrackerError::Store { .. } => {
            let path = path.display();
            failure.hint(format!(
                "ls -l {path}\nif it is not hew's: mv {path} {path}.aside, and a new one is made"
            ))
        }
        _ => failure,
    }
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
