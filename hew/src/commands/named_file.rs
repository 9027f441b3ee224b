//! Pictures and pages that a person wants in a file, by `--out`.

use std::io::{self, Write};
use std::path::Path;

use crate::adapters::files;
use crate::failure::Failure;

/// Writes the file whole, or says why it can't be written: the old one stays until the new one is there. What it shows is in
/// the records of runs, which are what has to be on disk.
pub(super) fn replace(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    files::replace_unsynced(path, write).map_err(|error| {
        let failure = Failure::failed(format!("{} can't be written", path.display())).because(error);
        match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => failure
                .because(format!("there is no folder {}", folder.display()))
                .hint(format!("mkdir -p {}", folder.display())),
            _ => failure,
        }
    })
}
