//! The files of a run that has no journal, as older layouts left them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hew_core::ids::{IterationId, WorkerId};
use hew_core::record::StoreError;
use hew_core::record::files::{FileError, IterationFile, MANIFEST, RUN, RunFile, batch_of_name, parse};
use hew_core::record::older::OlderFiles;
use serde::de::DeserializeOwned;

use super::files::store_error;

/// What a run folder holds, with a warning for each file that can't be read: the rest is shown all the same. Only a run
/// that a newer version has written is an error.
pub fn read(dir: &Path) -> Result<(OlderFiles, Vec<String>), StoreError> {
    let mut reading = Reading::default();
    reading.files.run = match fs::read_to_string(dir.join(RUN)).map(|text| parse::<RunFile>(&text)) {
        Ok(Err(newer @ FileError::Newer { .. })) => return Err(store_error(&dir.join(RUN), newer)),
        _ => reading.value(&dir.join(RUN)),
    };
    reading.files.manifest = reading.value(&dir.join(MANIFEST));
    reading.iterations(dir, None)?;
    for path in sorted(dir)? {
        if let Some(number) = batch_of_name(name(&path))
            && let Some(batch) = reading.value(&path)
        {
            reading.files.batches.insert(number, batch);
        }
        if let Some(worker) = name(&path).strip_prefix("worker-").and_then(|number| number.parse().ok()) {
            let worker = WorkerId(worker);
            if let Some(run) = reading.value(&path.join(RUN)) {
                reading.files.workers.insert(worker, run);
            }
            reading.iterations(&path, Some(worker))?;
        }
    }
    Ok((reading.files, reading.warnings))
}

#[derive(Default)]
struct Reading {
    files: OlderFiles,
    warnings: Vec<String>,
}

impl Reading {
    /// A file's value; none if it is not there, or can't be read.
    fn value<T: DeserializeOwned>(&mut self, path: &Path) -> Option<T> {
        let read = match fs::read_to_string(path) {
            Ok(text) => parse(&text).map_err(|error| error.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => Err(error.to_string()),
        };
        read.map_err(|why| self.warnings.push(format!("{}: {why}; it was left out", path.display()))).ok()
    }

    /// Iterations in a folder: of this worker, else of the one that each file names.
    fn iterations(&mut self, dir: &Path, worker: Option<WorkerId>) -> Result<(), StoreError> {
        for path in sorted(dir)? {
            let stem = name(&path).strip_prefix("iter-").and_then(|rest| rest.strip_suffix(".json"));
            let Some(iter) = stem.and_then(|number| number.parse().ok()) else { continue };
            if let Some(file) = self.value::<IterationFile>(&path) {
                let worker = worker.or(file.worker).unwrap_or(WorkerId(0));
                self.files.iterations.insert(IterationId { worker, iter }, file);
            }
        }
        Ok(())
    }
}

fn sorted(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = fs::read_dir(dir).map_err(|error| store_error(dir, error))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
