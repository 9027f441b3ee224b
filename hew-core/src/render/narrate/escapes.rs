//! Lines about what agents share with the user.

use crate::record::event::JournalEvent;

/// Most changes that a line names.
const MAX_NAMED: usize = 3;

/// What agents changed that is not theirs, or what somebody else changed.
pub(super) fn line(event: &JournalEvent) -> Option<String> {
    let (start, words, more) = match event {
        JournalEvent::Escaped { about, escapes, more } => {
            let who = about.map_or_else(|| "an agent".to_owned(), |id| id.to_string());
            let words: Vec<String> = escapes.iter().map(crate::escape::Escape::words).collect();
            (format!("escape: {who} changed what is not its own"), words, *more)
        }
        JournalEvent::ForeignChange { changes, more } => {
            let words: Vec<String> = changes.iter().map(crate::escape::Change::words).collect();
            ("foreign change".to_owned(), words, *more)
        }
        _ => return None,
    };
    let rest = words.len().saturating_sub(MAX_NAMED) + more;
    let rest = if rest > 0 { format!("; and {rest} more") } else { String::new() };
    let named: Vec<String> = words.into_iter().take(MAX_NAMED).collect();
    Some(format!("{start}: {}{rest}", named.join("; ")))
}
