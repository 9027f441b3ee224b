//! What the person trusts of projects' settings, kept in hew's home: `trust/<project>/<file>.json`, readable by this user
//! only. A project is known by its git folder, so that all its worktrees are one; each settings file has its own record,
//! for worktrees may hold different ones.
//!
//! Does not decide what needs trust (the core does) nor ask for it (`commands::trust` does).

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use hew_core::settings::trust::{TrustedContent, record_name};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::files::write_atomically;
use super::process::make_parent;
use super::project::Project;
use super::settings_files::hew_home;
use crate::failure::Failure;

/// The version of records that this program writes.
const SCHEMA: u32 = 1;

/// One record on disk.
#[derive(Debug, Serialize, Deserialize)]
struct TrustRecord {
    schema_version: u32,
    /// The git folder, for people.
    project: PathBuf,
    /// The settings file, for people.
    file: PathBuf,
    /// [`TrustedContent::hash`]: what counts.
    sha256: String,
    /// What was trusted, so that a change can be shown.
    values: BTreeMap<String, String>,
}

/// What was trusted of a settings file; nothing where there is no record.
pub fn load(project: &Project, file: &Path) -> Result<TrustedContent, Failure> {
    let path = record_path(project, file);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(TrustedContent::default()),
        Err(error) => return Err(unreadable(&path, &error)),
    };
    let record: TrustRecord = serde_json::from_str(&text).map_err(|error| unreadable(&path, &error))?;
    if record.schema_version > SCHEMA {
        let (found, known) = (record.schema_version, SCHEMA);
        return Err(unreadable(&path, &format!("its version is {found}, this hew knows {known}")));
    }
    let content = TrustedContent(record.values);
    // A record whose parts don't belong together vouches for nothing.
    if content.hash() == record.sha256 { Ok(content) } else { Ok(TrustedContent::default()) }
}

/// Records that the person trusts this content of a settings file.
pub fn save(project: &Project, file: &Path, content: &TrustedContent) -> Result<(), Failure> {
    let path = record_path(project, file);
    let record = TrustRecord {
        schema_version: SCHEMA,
        project: project.common_dir.clone(),
        file: file.to_owned(),
        sha256: content.hash(),
        values: content.0.clone(),
    };
    let text = format!("{:#}\n", json!(record));
    make_parent(&path).and_then(|()| write_atomically(&path, text.as_bytes())).map_err(|error| {
        Failure::failed(format!("trust can't be recorded in {}", path.display())).because(error)
    })
}

fn record_path(project: &Project, file: &Path) -> PathBuf {
    let name = |path: &Path| record_name(path.as_os_str().as_encoded_bytes());
    hew_home().join("trust").join(name(&project.common_dir)).join(format!("{}.json", name(file)))
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    let path = path.display();
    Failure::usage(format!("the record of trust {path} can't be read"))
        .because(error)
        .hint(format!("rm {path}"))
}
