//! What most commands begin with: the project, its settings, its tracker.

use std::sync::Arc;

use hew_core::settings::Settings;
use hew_core::tracker::TaskEditor;

use crate::adapters::project::Project;
use crate::failure::Failure;

/// The project that the current folder belongs to, with its settings.
#[derive(Debug)]
pub struct Context {
    /// Where it is.
    pub project: Project,
    /// What is set.
    pub settings: Settings,
}

impl Context {
    /// Finds the project from the current folder and settles its settings, without flags.
    pub fn open() -> Result<Self, Failure> {
        Self::open_with(&[])
    }

    /// The same with flags, each as key, text and the flag's name: `("loop.jobs", "3", "--jobs")`.
    pub fn open_with(flags: &[(&str, String, &str)]) -> Result<Self, Failure> {
        let project = Project::discover()?;
        let settings = crate::adapters::settings_files::load(Some(&project), flags)?;
        Ok(Self { project, settings })
    }

    /// Opens the tracker that is in use.
    pub fn open_tracker(&self) -> Result<Arc<dyn TaskEditor>, Failure> {
        crate::adapters::tracker::open(&self.project, &self.settings)
    }
}
