//! What most commands begin with: the project, its settings, its tracker.

use std::path::Path;
use std::sync::Arc;

use hew_core::settings::{Settings, Values};
use hew_core::tracker::TaskEditor;

use super::trust;
use crate::adapters::project::Project;
use crate::adapters::settings_files::ProjectLayer;
use crate::adapters::tracker::Opened;
use crate::adapters::{settings_files, tracker};
use crate::failure::Failure;

/// The project that the current folder belongs to, with its settings.
#[derive(Debug)]
pub struct Context {
    /// Where it is.
    pub project: Project,
    /// What is set, typed.
    pub settings: Settings,
    /// What is set, by key.
    pub values: Values,
    /// What the project's own file says; none where it does not count.
    pub project_layer: Option<ProjectLayer>,
}

/// A flag that is a setting: key, text, the flag's name; e.g. `("loop.jobs", "3", "--jobs")`.
pub type SettingFlag<'a> = (&'a str, String, &'a str);

impl Context {
    /// Finds the project from the current folder and settles its settings, without flags.
    pub fn open() -> Result<Self, Failure> {
        Self::open_with(&[])
    }

    /// The same with flags.
    pub fn open_with(flags: &[SettingFlag<'_>]) -> Result<Self, Failure> {
        Self::of(Project::discover()?, flags)
    }

    /// The same for the project that a folder belongs to.
    pub fn open_at(folder: &Path, flags: &[SettingFlag<'_>]) -> Result<Self, Failure> {
        Self::of(Project::discover_from(folder)?, flags)
    }

    /// The same for a project that is known.
    pub fn of(project: Project, flags: &[SettingFlag<'_>]) -> Result<Self, Failure> {
        let layers = settings_files::load_layers(Some(&project), flags)?;
        if !layers.problems.is_empty() {
            return Err(settings_files::invalid(&layers.problems));
        }
        let settings = settings_files::typed(&layers.values)?;
        Ok(Self { project, settings, values: layers.values, project_layer: layers.project })
    }

    /// Opens the tracker that is in use.
    pub fn open_tracker(&self) -> Result<Arc<dyn TaskEditor>, Failure> {
        Ok(self.open_tracker_in_use()?.tasks)
    }

    /// The same, with which tracker it is and why.
    pub fn open_tracker_in_use(&self) -> Result<Opened, Failure> {
        trust::require_for_tracker(self)?;
        tracker::open(&self.project, &self.settings)
    }

    /// The same for a look that leaves the project as it is.
    pub fn open_tracker_to_look(&self) -> Result<Opened, Failure> {
        trust::require_for_tracker(self)?;
        tracker::open_to_look(&self.project, &self.settings)
    }

    /// The same where there is a tracker; none where its store would have to be made.
    pub fn open_tracker_if_there(&self) -> Result<Option<Opened>, Failure> {
        trust::require_for_tracker(self)?;
        tracker::open_if_there(&self.project, &self.settings)
    }
}
