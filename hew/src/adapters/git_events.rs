//! What an agent's git told of itself (`GIT_TRACE2_EVENT`), read once and removed.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use hew_core::escape::trace::TraceReader;
use hew_core::escape::{Claim, Place};
use hew_core::settings::secret::SecretValues;

use super::files::open_plain;

/// Most bytes that are read: the last ones.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What the commands of an iteration reached for, secrets left out of their words. A trace that can't be read shows nothing.
pub fn take_claims(file: &Path, place: Place, secrets: &SecretValues) -> Vec<Claim> {
    let claims = read(file, place, secrets).unwrap_or_default();
    // It tells of every word that was given to git; what is evidence is in the record.
    let _ = fs::remove_file(file);
    claims
}

fn read(file: &Path, place: Place, secrets: &SecretValues) -> io::Result<Vec<Claim>> {
    let mut file = open_plain(file)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(MAX_BYTES)))?;
    let mut lines = BufReader::with_capacity(64 * 1024, file.take(MAX_BYTES));
    let mut reader = TraceReader::new(place, secrets.clone());
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        reader.take_line(line.trim_ascii_end());
        line.clear();
    }
    Ok(reader.finish())
}
