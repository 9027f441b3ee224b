//! What an agent's git told of itself (`GIT_TRACE2_EVENT`), read once and removed.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use hew_core::escape::trace::TraceReader;
use hew_core::escape::{Claim, Place};
use nix::fcntl::OFlag;

/// Most bytes that are read: the last ones.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What the commands of an iteration reached for. A trace that can't be read shows nothing.
pub fn take_claims(file: &Path, place: Place) -> Vec<Claim> {
    let claims = read(file, place).unwrap_or_default();
    // It tells of every word that was given to git; what is evidence is in the record.
    let _ = fs::remove_file(file);
    claims
}

/// Agents can put anything there: a pipe must not hang the reader.
fn read(file: &Path, place: Place) -> io::Result<Vec<Claim>> {
    let mut file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(file)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a plain file"));
    }
    file.seek(SeekFrom::Start(found.len().saturating_sub(MAX_BYTES)))?;
    let mut lines = BufReader::with_capacity(64 * 1024, file.take(MAX_BYTES));
    let mut reader = TraceReader::new(place);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        reader.take_line(line.trim_ascii_end());
        line.clear();
    }
    Ok(reader.finish())
}
