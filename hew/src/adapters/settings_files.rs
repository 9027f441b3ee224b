//! Settings files and environment, read and merged.

use hew_core::settings::Settings;

use super::project::Project;
use crate::failure::Failure;

/// Merges built-in values, user file, project file, environment and flags. A flag is key, text and the flag's name.
pub fn load(_project: Option<&Project>, _flags: &[(&str, String, &str)]) -> Result<Settings, Failure> {
    Err(Failure::usage("being built"))
}
