//! Reading, writing, editing and listing: text files of at most [`LARGEST`] bytes.

use std::fs;
use std::io::{Read, Seek, Write};

use hew_core::cut::beginning;

use super::folder::{Access, Folder};

/// Largest file that is read or written, in bytes.
pub(super) const LARGEST: u64 = 1 << 20;

/// Most bytes of a file that one answer holds.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Most entries of a folder that one answer holds.
const MOST_ENTRIES: usize = 1000;

/// A file's text, or some lines of it.
pub(super) fn read(
    folder: &Folder,
    path: &str,
    first_line: Option<usize>,
    lines: Option<usize>,
) -> Result<String, String> {
    let text = text_of(folder, path)?;
    let skipped = first_line.unwrap_or(1).saturating_sub(1);
    let chosen = text.split_inclusive('\n').skip(skipped).take(lines.unwrap_or(usize::MAX));
    let mut answer = String::new();
    for (number, line) in chosen.enumerate() {
        if answer.len() + line.len() > LONGEST_ANSWER {
            let from = skipped + number + 1;
            let more = format!("… (more from line {from}; of {} bytes in all)", text.len());
            if number == 0 {
                answer.push_str(beginning(line, LONGEST_ANSWER));
                answer.push('\n');
            }
            answer.push_str(&more);
            break;
        }
        answer.push_str(line);
    }
    Ok(answer)
}

/// Writes a whole file.
pub(super) fn write(folder: &Folder, path: &str, content: &str) -> Result<String, String> {
    fits(path, content)?;
    let found = folder.place_for(path)?;
    if fs::symlink_metadata(&found).is_ok() {
        text_of(folder, path)?;
        put(folder, path, content)?;
        return Ok(format!("{path} is written anew, {} bytes", content.len()));
    }
    if let Some(parent) = found.parent() {
        fs::create_dir_all(parent).map_err(|error| format!("{path}: {error}"))?;
    }
    let mut file = folder.open(&found, path, Access::Create)?;
    file.write_all(content.as_bytes()).map_err(|error| format!("{path}: {error}"))?;
    Ok(format!("{path} is made, {} bytes", content.len()))
}

/// Replaces a text that stands in a file exactly once.
pub(super) fn edit(folder: &Folder, path: &str, old: &str, new: &str) -> Result<String, String> {
    if old.is_empty() {
        return Err("the old text is empty; write_file writes a whole file".to_owned());
    }
    let text = text_of(folder, path)?;
    match text.matches(old).count() {
        1 => {}
        0 => return Err(format!("the old text does not stand in {path}; read it again")),
        many => {
            return Err(format!(
                "the old text stands {many} times in {path}; take more of what is around it"
            ));
        }
    }
    let edited = text.replacen(old, new, 1);
    fits(path, &edited)?;
    put(folder, path, &edited)?;
    Ok(format!("{path} is edited"))
}

/// The entries of a folder, sorted.
pub(super) fn list(folder: &Folder, path: &str) -> Result<String, String> {
    let found = folder.existing(path)?;
    let entries = fs::read_dir(&found).map_err(|error| format!("{path}: {error}"))?;
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| !entry.file_name().eq_ignore_ascii_case(".git"))
        .map(|entry| {
            let slash = if entry.file_type().is_ok_and(|kind| kind.is_dir()) { "/" } else { "" };
            format!("{}{slash}", entry.file_name().to_string_lossy())
        })
        .collect();
    names.sort();
    let more = names.len().saturating_sub(MOST_ENTRIES);
    names.truncate(MOST_ENTRIES);
    if more > 0 {
        names.push(format!("… ({more} more)"));
    }
    Ok(if names.is_empty() { "(empty)".to_owned() } else { names.join("\n") })
}

/// Puts a text in the place of a file's.
fn put(folder: &Folder, path: &str, text: &str) -> Result<(), String> {
    let found = folder.existing(path)?;
    let mut file = folder.open(&found, path, Access::Write)?;
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes()));
    written.map_err(|error| format!("{path}: {error}"))
}

fn text_of(folder: &Folder, path: &str) -> Result<String, String> {
    let found = folder.existing(path)?;
    let file = folder.open(&found, path, Access::Read)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| format!("{path}: {error}"))?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("{path} has more than {LARGEST} bytes; look at parts of it by `run`"));
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err(format!("{path} is binary, not text")),
    }
}

fn fits(path: &str, text: &str) -> Result<(), String> {
    if text.len() as u64 > LARGEST {
        return Err(format!("{path} would have more than {LARGEST} bytes"));
    }
    if text.contains('\0') { Err(format!("{path} would be binary, not text")) } else { Ok(()) }
}
