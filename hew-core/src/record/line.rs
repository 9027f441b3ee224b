//! One line of a journal or ledger, from its bytes.
//!
//! A journal is read whole by every view of a run, and much of that is what each line begins with, always the same in
//! hew's own hand. That is read by its columns, and serde reads the event behind it. A line in any other form, or one that
//! can't be read, is read by serde as a whole.

use std::fmt;
use std::ops::Range;

use chrono::{DateTime, Utc};
use serde::Deserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};

use super::event::JournalEntry;
use super::files::{FileError, names_version, parse_line};
use super::tagged::{self, stamp_of_columns};
use crate::ids::{IterationId, WorkerId};

/// What stands in a file of one JSON object a line.
pub trait LineRecord: DeserializeOwned {
    /// Reads a line into a place, in which an entry of some hundred bytes is made rather than moved there through many
    /// hands: after `Ok` it holds what the line says. Nothing is said of what it holds after an error, nor of the line's bytes
    /// afterwards: the reading may use them.
    ///
    /// # Errors
    ///
    /// What makes the line unreadable: no UTF-8, no JSON, another form, or a newer version of it.
    fn read_line(line: &mut [u8], place: &mut Option<Self>) -> Result<(), FileError> {
        *place = Some(read_whole(line)?);
        Ok(())
    }
}

impl LineRecord for serde_json::Map<String, serde_json::Value> {}

impl LineRecord for JournalEntry {
    fn read_line(line: &mut [u8], place: &mut Option<Self>) -> Result<(), FileError> {
        if !read_by_columns(line, place) {
            *place = Some(read_whole(line)?);
        }
        Ok(())
    }
}

/// Reads a line in hew's own hand; of any other, and of one that can't be read so, the bytes stay as they are.
fn read_by_columns(line: &mut [u8], place: &mut Option<JournalEntry>) -> bool {
    let Some(envelope) = Envelope::of(line) else { return false };
    // Without its envelope the line is an object again: its brace has to be where the comma is behind the envelope, or before
    // the closing brace of one that says no more.
    let open = envelope.length - usize::from(line[envelope.length] == b'}');
    let byte = std::mem::replace(&mut line[open], b'{');
    let is_read = read_behind(&envelope, line, open, place).is_some();
    if !is_read {
        line[open] = byte;
    }
    is_read
}

fn read_whole<T: DeserializeOwned>(line: &[u8]) -> Result<T, FileError> {
    let text = std::str::from_utf8(line).map_err(|error| FileError::Malformed(error.to_string()))?;
    parse_line(text)
}

/// What a line begins with.
struct Envelope {
    seq: u64,
    at: DateTime<Utc>,
    elapsed_ms: u64,
    /// Where its kind stands.
    kind: Range<usize>,
    /// The event's iteration, where it comes right behind the kind.
    iteration: Option<IterationId>,
    /// Bytes up to the comma or brace behind all this.
    length: usize,
}

impl Envelope {
    /// Of a line in hew's own hand; none of any other, and of one that names the version of its form.
    fn of(line: &[u8]) -> Option<Self> {
        let (seq, rest) = number(line.strip_prefix(br#"{"seq":"#)?)?;
        let (at, rest) = text(rest.strip_prefix(br#","at":""#)?)?;
        let (elapsed_ms, rest) = number(rest.strip_prefix(br#","elapsed_ms":"#)?)?;
        let (kind, rest) = text(rest.strip_prefix(br#","kind":""#)?)?;
        let at = stamp_of_columns(at)?;
        let end = line.len() - rest.len() - 1;
        let kind = end - kind.len()..end;
        let (iteration, rest) = iteration(rest).map_or((None, rest), |(id, rest)| (Some(id), rest));
        let length = line.len() - rest.len();
        // A comma before the end is for serde to refuse: with a brace in its place it would be gone.
        let is_known = matches!(rest, [b'}', ..] | [b',', b'"', ..]) && !names_version(line, length);
        is_known.then_some(Self { seq, at, elapsed_ms, kind, iteration, length })
    }
}

/// The iteration that stands here, and what comes behind it.
fn iteration(bytes: &[u8]) -> Option<(IterationId, &[u8])> {
    let (worker, rest) = number(bytes.strip_prefix(br#","worker":"#)?)?;
    let (iter, rest) = number(rest.strip_prefix(br#","iter":"#)?)?;
    let id = IterationId { worker: WorkerId(u16::try_from(worker).ok()?), iter: u32::try_from(iter).ok()? };
    Some((id, rest))
}

/// A number without a sign, and what comes behind it.
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (mut number, mut length) = (0_u64, 0);
    while let Some(digit @ b'0'..=b'9') = bytes.get(length) {
        number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        length += 1;
    }
    let is_number = length == 1 || (length > 1 && bytes[0] != b'0');
    is_number.then(|| (number, &bytes[length..]))
}

/// What stands before the next quote without any escape, and what comes behind that.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = memchr::memchr2(b'"', b'\\', bytes)?;
    let (text, rest) = bytes.split_at(length);
    Some((text, rest.strip_prefix(b"\"")?))
}

/// Reads the object that begins here as the fields of the envelope's kind; none if it can't be read as these.
fn read_behind(
    envelope: &Envelope,
    line: &[u8],
    open: usize,
    place: &mut Option<JournalEntry>,
) -> Option<()> {
    let kind = std::str::from_utf8(&line[envelope.kind.clone()]).ok()?;
    let object = std::str::from_utf8(&line[open..]).ok()?;
    let mut deserializer = serde_json::Deserializer::from_str(object);
    deserializer.deserialize_map(Behind { envelope, kind, place }).ok()?;
    deserializer.end().ok()
}

struct Behind<'a> {
    envelope: &'a Envelope,
    kind: &'a str,
    place: &'a mut Option<JournalEntry>,
}

impl<'de> Visitor<'de> for Behind<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event's fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Envelope { seq, at, elapsed_ms, iteration, .. } = *self.envelope;
        let event = tagged::event(self.kind, iteration, map)?;
        *self.place = Some(JournalEntry { seq, at, elapsed_ms, event });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        r#"{"seq":7,"at":"2026-11-20T19:30:01.949Z","elapsed_ms":1949,"kind":"queued","worker":3,"iter":12}"#;

    fn read(line: &str) -> Result<JournalEntry, FileError> {
        read_bytes(line.as_bytes())
    }

    fn read_bytes(line: &[u8]) -> Result<JournalEntry, FileError> {
        let mut place = None;
        JournalEntry::read_line(&mut line.to_vec(), &mut place)?;
        Ok(place.expect("it was read"))
    }

    #[test]
    fn a_line_in_hew_s_hand_is_read_by_its_columns() {
        let envelope = Envelope::of(LINE.as_bytes()).expect("it is in hew's hand");
        assert_eq!((envelope.seq, envelope.elapsed_ms), (7, 1949));
        assert_eq!(&LINE[envelope.kind.clone()], "queued");
        assert_eq!(envelope.iteration.map(|id| (id.worker.0, id.iter)), Some((3, 12)));
        assert_eq!(&LINE[envelope.length..], "}");
        assert_eq!(read(LINE), parse_line(LINE));
        assert!(read(LINE).is_ok());
    }

    #[test]
    fn what_hew_writes_is_read_by_its_columns() {
        let event = |rest: &str| LINE.replacen("queued\",\"worker\":3,\"iter\":12}", rest, 1);
        for line in [
            LINE.to_owned(),
            event(r#"prepared","worker":3,"iter":12,"worktree":"/w/3","fresh":true}"#),
            event(r#"task_changed","worker":3,"iter":12,"task":"app-1","change":"released"}"#),
            event(r#"made_ahead","worker":3,"worktree":"/w/3"}"#),
            event(r#"verifying","sha":"ab"}"#),
        ] {
            let entry = read_whole(line.as_bytes()).expect("it is an entry");
            assert_eq!(serde_json::to_string(&entry).expect("it can be written"), line);
            let mut place = None;
            assert!(read_by_columns(&mut line.clone().into_bytes(), &mut place), "{line}");
            assert_eq!(place, Some(entry), "{line}");
        }
    }

    #[test]
    fn every_other_line_is_read_as_a_whole() {
        let others = [
            ("\"seq\":7", "\"seq\":07"),
            ("\"seq\":7", "\"seq\":99999999999999999999"),
            ("\"seq\":7", "\"seq\": 7"),
            ("\"seq\":7", "\"seq\":-7"),
            ("949Z", "949+00:00"),
            ("queued", "qu\\u0065ued"),
            ("\"kind\":", "\"more\":1,\"kind\":"),
            ("queued\"", "queued\",\"schema_version\":9"),
            ("12}", "12,\"schema_version\":9}"),
            ("12}", "12,\"schema_version\":1}"),
            ("12}", "12,}"),
            ("12}", "12, }"),
            ("12}", "12 }"),
            ("12}", "12.0}"),
            ("12}", "12"),
            (LINE, "{\"seq\":"),
            (LINE, ""),
        ];
        for (from, to) in others {
            let line = LINE.replacen(from, to, 1);
            assert!(Envelope::of(line.as_bytes()).is_none(), "{line}");
            assert_eq!(read(&line), parse_line(&line), "{line}");
        }
    }

    #[test]
    fn an_iteration_in_another_form_is_read_as_serde_reads_it() {
        let others = [
            ("\"worker\":3", "\"worker\":65536"),
            ("\"worker\":3", "\"worker\":03"),
            ("12}", "4294967296}"),
            ("12}", "012}"),
            ("12}", "12,\"worker\":4}"),
            ("12}", "12,\"iter\":13,\"more\":[1]}"),
            ("\"worker\":3,\"iter\":12", "\"iter\":12,\"worker\":3"),
            ("\"worker\":3,\"iter\":12", "\"worker\":3,\"worker\":4,\"iter\":12"),
            ("queued\"", "verifying\",\"sha\":\"ab\""),
            ("queued\",\"worker\":3,\"iter\":12", "verifying\",\"worker\":3,\"iter\":12,\"sha\":\"ab\""),
            (
                "queued\",\"worker\":3,\"iter\":12",
                "made_ahead\",\"worker\":3,\"iter\":12,\"worktree\":\"/w\"",
            ),
            ("queued\",\"worker\":3", "task_changed\",\"worker\":3,\"worker\":3"),
        ];
        for (from, to) in others {
            let line = LINE.replacen(from, to, 1);
            assert_ne!(line, LINE);
            assert_eq!(read(&line), parse_line(&line), "{line}");
        }
    }

    #[test]
    fn what_can_t_be_read_is_told_of_the_whole_line() {
        for line in [
            LINE.replacen("queued", "never_heard_of", 1),
            LINE.replacen("\"worker\":3", "\"worker\":\"x\"", 1),
            LINE.replacen("\"iter\":12", "\"iter\":", 1),
            format!("{LINE} more"),
        ] {
            let error = read(&line).expect_err("it can't be read");
            assert_eq!(Err(error), parse_line::<JournalEntry>(&line), "{line}");
        }
        let not_text = [&LINE.as_bytes()[..LINE.len() - 1], b",\"x\":\"\xff\"}"].concat();
        assert!(matches!(read_bytes(&not_text), Err(FileError::Malformed(_))));
    }
}
