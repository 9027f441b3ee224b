//! Texts of hew's in files of a project: what is hew's in them, and what they hold once it is refreshed.
//!
//! Invariant: nothing that hew did not write is taken out of a file, or it is said that a copy has to be kept first.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::version_marker;

/// Where hew's section of a file begins and ends, each on a line of its own.
const SECTION: (&str, &str) = ("<!-- hew:begin -->", "<!-- hew:end -->");

/// How the stamp begins and ends: first 16 hex digits of the SHA-256 of the text without the stamp's line.
const STAMP: (&str, &str) = ("<!-- hew:text=", " -->");

/// What has to be done with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refresh {
    /// It holds what this hew would write.
    Nothing,
    /// Write this.
    Write {
        /// The whole file.
        text: String,
        /// What it held was changed by somebody, or is not hew's: keep a copy.
        keep_copy: bool,
    },
    /// It has to be left alone, and why.
    Leave(String),
}

/// A file that is hew's as a whole, now with this content, and hew's text for it.
pub fn refresh_file(now: Option<&str>, own: &str) -> Refresh {
    let wanted = stamped(own);
    let Some(now) = now else { return Refresh::Write { text: wanted, keep_copy: false } };
    match judge(now, &wanted) {
        Judgement::Same => Refresh::Nothing,
        Judgement::Newer(version) => Refresh::Leave(newer(version)),
        Judgement::Replace { keep_copy } => Refresh::Write { text: wanted, keep_copy },
    }
}

/// A file that is somebody's, in which hew has a section.
pub fn refresh_section(now: Option<&str>, own: &str) -> Refresh {
    let wanted = stamped(own);
    let section = format!("{}\n{wanted}{}\n", SECTION.0, SECTION.1);
    let Some(now) = now else { return Refresh::Write { text: section, keep_copy: false } };
    let (before, inside, after) = match split(now) {
        Ok(Some(parts)) => parts,
        Ok(None) => return Refresh::Write { text: appended(now, &section), keep_copy: false },
        Err(why) => return Refresh::Leave(why),
    };
    match judge(inside, &wanted) {
        Judgement::Same => Refresh::Nothing,
        Judgement::Newer(version) => Refresh::Leave(newer(version)),
        Judgement::Replace { keep_copy } => {
            Refresh::Write { text: format!("{before}{section}{after}"), keep_copy }
        }
    }
}

/// There is a text of hew's in it, of whichever version.
pub fn has_own(text: &str) -> bool {
    version_marker(text).is_some()
}

enum Judgement<'a> {
    Same,
    /// Another hew of this version wrote it.
    Newer(&'a str),
    Replace {
        keep_copy: bool,
    },
}

fn judge<'a>(now: &'a str, wanted: &str) -> Judgement<'a> {
    if unix(now) == wanted {
        return Judgement::Same;
    }
    match version_marker(now) {
        Some(version) if is_newer(version, env!("CARGO_PKG_VERSION")) => Judgement::Newer(version),
        _ => Judgement::Replace { keep_copy: !is_as_written(now) },
    }
}

fn newer(version: &str) -> String {
    format!("it is of hew {version}, which is newer than this one ({})", env!("CARGO_PKG_VERSION"))
}

/// By numbers between dots; what is no number counts as none.
fn is_newer(version: &str, than: &str) -> bool {
    let parts = |text: &str| -> Vec<u64> { text.split('.').map(|part| part.parse().unwrap_or(0)).collect() };
    parts(version) > parts(than)
}

/// The text with its stamp below the marker of its version.
fn stamped(text: &str) -> String {
    let stamp = format!("{}{}{}\n", STAMP.0, digest(text), STAMP.1);
    let lines = text.split_inclusive('\n');
    lines.flat_map(|line| [line, if version_marker(line).is_some() { &stamp } else { "" }]).collect()
}

/// Nobody has changed it since hew wrote it.
fn is_as_written(text: &str) -> bool {
    let text = unix(text);
    let is_stamp = |line: &&str| line.starts_with(STAMP.0);
    let stamp = text.lines().find(is_stamp).and_then(|line| line[STAMP.0.len()..].strip_suffix(STAMP.1));
    let rest: String = text.split_inclusive('\n').filter(|line| !is_stamp(line)).collect();
    stamp == Some(digest(&rest).as_str())
}

/// Git may have changed the ends of lines.
fn unix(text: &str) -> String {
    text.replace("\r\n", "\n")
}

fn digest(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(8).fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// What stands before hew's section, in it and after it; none where it has none. The error is why that can't be told.
fn split(text: &str) -> Result<Option<(&str, &str, &str)>, String> {
    let lines_of = |mark: &str| -> Vec<(usize, usize)> {
        let mut at = 0;
        let lines = text.split_inclusive('\n').map(|line| {
            at += line.len();
            (at - line.len(), at, line.trim())
        });
        lines.filter(|(.., line)| *line == mark).map(|(start, end, _)| (start, end)).collect()
    };
    match (lines_of(SECTION.0).as_slice(), lines_of(SECTION.1).as_slice()) {
        ([], []) => Ok(None),
        ([(start, inner)], [(end, after)]) if inner <= end => {
            Ok(Some((&text[..*start], &text[*inner..*end], &text[*after..])))
        }
        _ => Err(format!("it needs exactly one line `{}` and below it one `{}`", SECTION.0, SECTION.1)),
    }
}

fn appended(text: &str, section: &str) -> String {
    let gap = match text {
        "" => "",
        text if text.ends_with("\n\n") => "",
        text if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    format!("{text}{gap}{section}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "---\nname: x\n---\n<!-- hew:version=0.1.0 -->\n# Title\n\nText.\n";

    fn written(refresh: Refresh) -> (String, bool) {
        match refresh {
            Refresh::Write { text, keep_copy } => (text, keep_copy),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_hew_wrote_is_refreshed_and_what_somebody_changed_is_kept_besides() {
        let (first, kept) = written(refresh_file(None, OWN));
        assert!(!kept && first.starts_with("---\nname: x\n") && first.contains("# Title\n\nText.\n"));
        assert_eq!(refresh_file(Some(&first), OWN), Refresh::Nothing);
        assert_eq!(refresh_file(Some(&first.replace('\n', "\r\n")), OWN), Refresh::Nothing);

        let next = OWN.replace("Text.", "Better text.");
        assert_eq!(written(refresh_file(Some(&first), &next)), (stamped(&next), false));
        let edited = first.replace("Text.", "Mine.");
        assert_eq!(written(refresh_file(Some(&edited), OWN)), (first, true));
        assert_eq!(written(refresh_file(Some("all mine\n"), OWN)), (stamped(OWN), true));
    }

    #[test]
    fn a_text_of_a_newer_hew_is_left_alone() {
        let theirs = stamped(&OWN.replace("0.1.0", "0.10.0"));
        assert!(matches!(refresh_file(Some(&theirs), OWN), Refresh::Leave(why) if why.contains("0.10.0")));
        let theirs = stamped(&OWN.replace("0.1.0", "0.0.9"));
        assert_eq!(written(refresh_file(Some(&theirs), OWN)), (stamped(OWN), false));
    }

    #[test]
    fn around_a_section_nothing_changes() {
        for (before, gap) in [("", ""), ("mine", "\n\n"), ("mine\n", "\n"), ("mine\r\n\n", "")] {
            let (text, kept) = written(refresh_section(Some(before), OWN));
            assert!(!kept && text.starts_with(&format!("{before}{gap}<!-- hew:begin -->\n")), "{text:?}");
            let around = format!("{text}\nbelow, mine\n");
            assert_eq!(refresh_section(Some(&around), OWN), Refresh::Nothing);

            let next = OWN.replace("Text.", "Better text.");
            let (text, kept) = written(refresh_section(Some(&around), &next));
            assert!(!kept && text.starts_with(before) && text.ends_with("-->\n\nbelow, mine\n"), "{text:?}");
            assert!(text.contains("Better text.") && !text.contains("\nText."), "{text:?}");

            let edited = around.replace("Text.", "Mine.");
            assert_eq!(written(refresh_section(Some(&edited), OWN)), (around, true));
        }
    }

    #[test]
    fn marks_that_do_not_belong_together_are_left_alone() {
        let (good, _) = written(refresh_section(None, OWN));
        for broken in [
            good.replace("<!-- hew:end -->", ""),
            good.replace("<!-- hew:begin -->", ""),
            format!("{good}{good}"),
            "<!-- hew:end -->\n<!-- hew:begin -->\n".to_owned(),
        ] {
            assert!(matches!(refresh_section(Some(&broken), OWN), Refresh::Leave(_)), "{broken}");
        }
    }
}
