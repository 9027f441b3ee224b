//! Which tracker a project uses.

use std::sync::Arc;

use hew_core::settings::Settings;
use hew_core::tracker::TaskEditor;

use super::project::Project;
use crate::failure::Failure;

/// Opens the tracker that the settings name; the embedded store is made where there is none.
pub fn open(_project: &Project, _settings: &Settings) -> Result<Arc<dyn TaskEditor>, Failure> {
    Err(Failure::usage("being built"))
}
