//! Changes to a settings file's text: one key, with every comment and the order of everything else kept.
//!
//! Pure: text in, text out. What changes is cut out of the text and put in by its place, so that all else stays as it is
//! to the byte. Each change is read back before it is answered, so that a form of TOML that this module does not foresee
//! is refused, never spoilt.
//!
//! | file | holds |
//! | --- | --- |
//! | `place` | where a key stands, or would stand |

mod place;

use std::collections::BTreeMap;
use std::ops::Range;

use hew_core::settings::layers::read_file;
use hew_core::settings::lookup::{Found, canonical, find, long_of, short_of};
use hew_core::settings::{Usd, Value, Values};
use place::{Place, end_of_lines, header, lines_below, locate, whole_lines};
use toml_edit::{Array, Document, InlineTable, Item, Key, Table};

/// A text that can't be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It is not TOML.
    #[error("line {line}: not valid TOML: {reason}")]
    Syntax {
        /// From 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// A part of the key holds something else.
    #[error("{0} is not a table there")]
    NotATable(String),
    /// The change would not read back as it was meant.
    #[error("{0} is written in a form that can't be changed safely; edit the file by hand")]
    Form(String),
}

/// The text with a key set to a value. A map replaces the one that was there.
pub fn with_value(text: &str, key: &str, value: &Value) -> Result<String, EditError> {
    let changed = match short_form(text, key)? {
        Some(short) if short_of(key) == Some(short) => set(text, short, value)?,
        Some(short) => set(&spelled_out(text, short)?, key, value)?,
        None => set(text, key, value)?,
    };
    confirmed(text, changed, key, Some(value))
}

/// The text without a key, and whether it was there.
pub fn without_key(text: &str, key: &str) -> Result<(String, bool), EditError> {
    let changed = match short_form(text, key)? {
        Some(short) if short_of(key) == Some(short) => unset(text, short)?,
        // Where the section is a value, it has no other key.
        Some(_) => text.to_owned(),
        None => unset(text, key)?,
    };
    let was_there = changed != text;
    Ok((confirmed(text, changed, key, None)?, was_there))
}

/// The section that a key is in, where the text gives the section itself a value: `loop.sandbox = "off"`.
fn short_form<'k>(text: &str, key: &'k str) -> Result<Option<&'k str>, EditError> {
    let Some((section, _)) = key.rsplit_once('.').filter(|(section, _)| long_of(section).is_some()) else {
        return Ok(None);
    };
    let document = parsed(text)?;
    let found = locate(&document, section)?.found;
    Ok(found.filter(|(_, item)| item.is_value() && !item.is_table_like()).map(|_| section))
}

/// The same with the key's long name, which leaves room for other keys of the section.
fn spelled_out(text: &str, short: &str) -> Result<String, EditError> {
    let form = || EditError::Form(short.to_owned());
    let long = long_of(short).ok_or_else(form)?;
    let value = values(text).value(long).ok_or_else(form)?.value;
    set(&unset(text, short)?, long, &value)
}

fn values(text: &str) -> Values {
    read_file(text, "project", std::path::Path::new("")).values
}

/// Answers the changed text if it says what was meant of `key`, and the same as before of everything else.
fn confirmed(before: &str, after: String, key: &str, wanted: Option<&Value>) -> Result<String, EditError> {
    let form = || EditError::Form(key.to_owned());
    parsed(&after).map_err(|_| form())?;
    let others = |text: &str| -> Vec<(String, Value)> {
        let below = format!("{key}.");
        let values = values(text);
        let others = values.iter().filter(|(name, _)| *name != key && !name.starts_with(&below));
        others.map(|(name, value)| (name.to_owned(), value.value.clone())).collect()
    };
    let found = values(&after).value(key).map(|found| found.value);
    let is_empty_map = matches!(wanted, Some(Value::Map(map)) if map.is_empty());
    let reads_back = found.as_ref() == wanted || is_empty_map && found.is_none();
    if reads_back && others(before) == others(&after) { Ok(after) } else { Err(form()) }
}

fn parsed(text: &str) -> Result<Document<&str>, EditError> {
    Document::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let line = text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
        EditError::Syntax { line, reason: error.message().to_owned() }
    })
}

fn set(text: &str, key: &str, value: &Value) -> Result<String, EditError> {
    let document = parsed(text)?;
    let place = locate(&document, key)?;
    let form = || EditError::Form(key.to_owned());
    match (place.found, value) {
        (Some((_, Item::Value(old))), _) if old.span().is_some() => {
            Ok(spliced(text, old.span().ok_or_else(form)?, &rendered(value)))
        }
        (Some((_, Item::Table(table))), Value::Map(map)) => set_entries(text, key, table, map),
        // A price in lines of its own is made anew.
        (Some((_, Item::Table(_))), Value::Price(_)) => set(&unset(text, key)?, key, value),
        (Some(_), _) => Err(form()),
        (None, _) => inserted(text, &place, value).ok_or_else(form),
    }
}

/// The map stands in a table of its own, one line an entry.
fn set_entries(
    text: &str,
    key: &str,
    table: &Table,
    map: &BTreeMap<String, Value>,
) -> Result<String, EditError> {
    let mut changed = text.to_owned();
    let path = |name: &str| format!("{key}.{name}");
    for old in table.iter().map(|(name, _)| canonical(&path(name))) {
        if !map.keys().any(|name| path(name) == old) {
            changed = unset(&changed, &old)?;
        }
    }
    map.iter().try_fold(changed, |text, (name, value)| set(&text, &path(name), value))
}

/// The text with a key that was not there, in the innermost table that is.
fn inserted(text: &str, place: &Place<'_, '_>, value: &Value) -> Option<String> {
    let (home, innermost) = (place.home(), place.innermost());
    let entry = format!("{} = {}", dotted(&place.parts[home..]), rendered(value));
    if place.inline.is_some() {
        return with_inline(text, place.item(home), &entry);
    }
    let header = place.item(home).as_table().and_then(|table| header(text, table));
    let own_lines = if innermost > home {
        end_of_lines(text, place.table(innermost))
    } else if place.parts.len() == home + 1 {
        header.map(|header| end_of_lines(text, place.table(home)).unwrap_or(header.end))
    } else {
        None
    };
    Some(match own_lines {
        Some(at) => with_line(text, at, &entry),
        None => with_section(text, &place.parts, value),
    })
}

fn with_line(text: &str, at: usize, line: &str) -> String {
    let end = line_break(text);
    let lead = if text[..at].ends_with('\n') { "" } else { end };
    spliced(text, at..at, &format!("{lead}{line}{end}"))
}

/// A new section goes to the very end, below the comments that stand there.
fn with_section(text: &str, parts: &[&str], value: &Value) -> String {
    let end = line_break(text);
    let (last, above) = parts.split_last().expect("a path has at least one part");
    let section = format!("[{}]{end}{} = {}{end}", dotted(above), dotted(&[last]), rendered(value));
    match text.trim_end() {
        "" => section,
        before => format!("{before}{end}{end}{section}"),
    }
}

/// Behind the last value of an inline table.
fn with_inline(text: &str, table: &Item, entry: &str) -> Option<String> {
    let table_span = table.span()?;
    let values = table.as_inline_table()?.get_values();
    match values.iter().filter_map(|(_, value)| value.span()).map(|span| span.end).max() {
        Some(end) => Some(spliced(text, end..end, &format!(", {entry}"))),
        None => Some(spliced(text, table_span, &format!("{{ {entry} }}"))),
    }
}

fn unset(text: &str, key: &str) -> Result<String, EditError> {
    let document = parsed(text)?;
    let place = locate(&document, key)?;
    let form = || EditError::Form(key.to_owned());
    let Some((name, item)) = place.found else { return Ok(text.to_owned()) };
    if let Some(depth) = place.inline {
        return without_inline(text, &place, depth, name).ok_or_else(form);
    }
    let lines = match item {
        Item::Value(value) => {
            let (name, value) = (name.span().ok_or_else(form)?, value.span().ok_or_else(form)?);
            vec![whole_lines(text, name.start..value.end)]
        }
        Item::Table(table) => {
            // An entry goes whole; the table of a map may stay.
            let own = header(text, table).filter(|_| matches!(find(key), Found::Entry(..)));
            own.into_iter().chain(lines_below(text, table)).collect()
        }
        _ => return Err(form()),
    };
    Ok(without_lines(text, lines))
}

fn without_lines(text: &str, mut lines: Vec<Range<usize>>) -> String {
    lines.sort_by_key(|line| line.start);
    lines.into_iter().rev().fold(text.to_owned(), |text, line| spliced(&text, line, ""))
}

/// The inline table is written anew; everything around it stays.
fn without_inline(text: &str, place: &Place<'_, '_>, depth: usize, name: &Key) -> Option<String> {
    let span = place.item(depth).span()?;
    // Only a document that can be changed has the text of its values at hand.
    let mut document = Document::parse(text).ok()?.into_mut();
    let mut parts = place.parts[..place.parts.len() - 1].iter();
    let item = parts
        .by_ref()
        .take(depth)
        .try_fold(document.as_item_mut(), |item, part| item.as_table_like_mut()?.get_mut(part))?;
    let table = item.as_inline_table_mut()?;
    table.decor_mut().clear();
    let inner = parts.try_fold(&mut *table, |table, part| table.get_mut(part)?.as_inline_table_mut())?;
    inner.remove(name.get())?;
    // The space before the brace belonged to the last value, which may be the one that went.
    let new = table.to_string();
    let new = new.trim().strip_suffix('}')?.trim_end();
    let end = if text[..span.end].ends_with(" }") { " }" } else { "}" };
    Some(spliced(text, span, &format!("{new}{end}")))
}

fn spliced(text: &str, span: Range<usize>, new: &str) -> String {
    format!("{}{new}{}", &text[..span.start], &text[span.end..])
}

/// The line break of a text: that of its first line.
fn line_break(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

fn dotted(parts: &[&str]) -> String {
    parts.iter().map(|part| Key::new(*part).to_string()).collect::<Vec<_>>().join(".")
}

fn rendered(value: &Value) -> String {
    toml_value(value).to_string()
}

fn toml_value(value: &Value) -> toml_edit::Value {
    match value {
        Value::Flag(flag) => (*flag).into(),
        Value::Count(count) => i64::try_from(*count).expect("no key allows more").into(),
        // A plain number of bytes stays a number.
        Value::Bytes { written, .. } => match written.parse::<i64>() {
            Ok(number) => number.into(),
            Err(_) => written.into(),
        },
        Value::Usd(amount) => toml_amount(*amount),
        Value::Temperature(temperature) => temperature.as_f64().into(),
        Value::Percent(percent) => format!("{percent}%").into(),
        Value::Price(price) => {
            let parts = price.parts().into_iter().map(|(name, amount)| (name, toml_amount(amount)));
            parts.collect::<InlineTable>().into()
        }
        Value::Duration { written: text, .. } | Value::Text(text) => text.into(),
        Value::List(items) => items.iter().collect::<Array>().into(),
        Value::Map(map) => {
            map.iter().map(|(name, value)| (name, toml_value(value))).collect::<InlineTable>().into()
        }
    }
}

/// Written with the digits that it has, which a binary fraction may not keep.
fn toml_amount(amount: Usd) -> toml_edit::Value {
    amount.to_string().parse().expect("an amount is a number of TOML")
}

#[cfg(test)]
mod tests;
