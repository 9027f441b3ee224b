//! The end of a log, bounded, as plain text.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

/// Most bytes of a log that are shown.
const MAX_BYTES: u64 = 6 * 1024;

/// The last whole lines of a file without colours, and how many bytes come before them; nothing where it says nothing.
pub fn load(path: &Path) -> io::Result<Option<(String, u64)>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut before = file.metadata()?.len().saturating_sub(MAX_BYTES);
    file.seek(SeekFrom::Start(before))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    if before > 0
        && let Some(end) = bytes.iter().position(|byte| *byte == b'\n')
    {
        bytes.drain(..=end);
        before += end as u64 + 1;
    }
    let text = anstream::adapter::strip_str(&String::from_utf8_lossy(&bytes)).to_string();
    Ok((!text.trim().is_empty()).then_some((text, before)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_at_the_end_are_shown_and_no_colours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        assert_eq!(load(&path).unwrap(), None);
        std::fs::write(&path, " \n").unwrap();
        assert_eq!(load(&path).unwrap(), None);
        std::fs::write(&path, "\u{1b}[31mred\u{1b}[0m\nlast").unwrap();
        assert_eq!(load(&path).unwrap(), Some(("red\nlast".to_owned(), 0)));
        let line = "x".repeat(99) + "\n";
        std::fs::write(&path, line.repeat(1000)).unwrap();
        let (text, before) = load(&path).unwrap().unwrap();
        assert_eq!((text.len() as u64 + before, text.len() % 100), (100_000, 0));
        assert!(text.len() > 6000, "{}", text.len());
        std::fs::write(&path, "y".repeat(10_000)).unwrap();
        let (text, before) = load(&path).unwrap().unwrap();
        assert_eq!((text.len() as u64, before), (MAX_BYTES, 10_000 - MAX_BYTES));
    }
}
