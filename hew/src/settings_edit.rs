//! Changes to a settings file's text: one key, with every comment and the order of everything else kept.
//!
//! Pure: text in, text out. Each change is read back before it is answered, so that a form of TOML that this module
//! does not foresee is refused, never spoilt.

use std::collections::BTreeMap;

use hew_core::settings::layers::read_file;
use hew_core::settings::{Value, Values};
use toml_edit::{Array, Document, DocumentMut, InlineTable, Item, Table, TableLike};

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
    let changed = match value {
        Value::Map(map) if is_spread(text, key)? => with_entries(text, key, map)?,
        value => with_item(text, key, value)?,
    };
    confirmed(text, changed, key, Some(value))
}

/// The map stands in a table of its own, one line an entry.
fn with_entries(text: &str, key: &str, map: &BTreeMap<String, String>) -> Result<String, EditError> {
    let mut changed = text.to_owned();
    for gone in map_entries(text, key)?.iter().filter(|name| !map.contains_key(*name)) {
        changed = without_line(&changed, &format!("{key}.{gone}"))?;
    }
    for (name, text) in map {
        changed = with_item(&changed, &format!("{key}.{name}"), &Value::Text(text.clone()))?;
    }
    Ok(changed)
}

/// The text without a key, and whether it was there.
pub fn without_key(text: &str, key: &str) -> Result<(String, bool), EditError> {
    let mut changed = text.to_owned();
    for name in map_entries(text, key)? {
        changed = without_line(&changed, &format!("{key}.{name}"))?;
    }
    changed = without_line(&changed, key)?;
    let was_there = changed != text;
    Ok((confirmed(text, changed, key, None)?, was_there))
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

/// The table that holds a key, and the key's last part.
fn holder<'t, 'k>(document: &'t Document<&str>, key: &'k str) -> Option<(&'t dyn TableLike, &'k str)> {
    let mut parts: Vec<&str> = key.split('.').collect();
    let last = parts.pop()?;
    let mut table: &dyn TableLike = document.as_table();
    for part in parts {
        table = table.get(part)?.as_table_like()?;
    }
    Some((table, last))
}

fn is_spread(text: &str, key: &str) -> Result<bool, EditError> {
    let document = parsed(text)?;
    let item = holder(&document, key).and_then(|(table, last)| table.get(last));
    Ok(item.is_some_and(Item::is_table))
}

/// Names in the table that a key leads to; an inline table is one value and has none.
fn map_entries(text: &str, key: &str) -> Result<Vec<String>, EditError> {
    let document = parsed(text)?;
    let item = holder(&document, key).and_then(|(table, last)| table.get(last));
    let table = item.and_then(Item::as_table);
    Ok(table.map(|table| table.iter().map(|(name, _)| name.to_owned()).collect()).unwrap_or_default())
}

fn with_item(text: &str, key: &str, value: &Value) -> Result<String, EditError> {
    let mut document: DocumentMut = parsed(text)?.into_mut();
    let mut parts: Vec<&str> = key.split('.').collect();
    let last = parts.pop().expect("splitting gives at least one part");
    // A new section goes to the very end, below the comments that stand there.
    if !text.is_empty() && parts.first().is_some_and(|first| !document.contains_key(first)) {
        return Ok(format!("{}\n\n{}", text.trim_end(), with_item("", key, value)?));
    }
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for part in parts {
        let is_dotted = table.is_dotted();
        let item = table.entry(part).or_insert_with(|| new_table(is_dotted));
        table = item.as_table_like_mut().ok_or_else(|| EditError::NotATable(part.to_owned()))?;
    }
    let mut new = toml_value(value);
    match table.get_mut(last).and_then(Item::as_value_mut) {
        Some(old) => {
            // The decor holds the comment behind the value.
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        None => {
            table.insert(last, Item::Value(new));
        }
    }
    Ok(document.to_string())
}

/// A new table prints a header only if it comes to hold a value.
fn new_table(is_dotted: bool) -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    table.set_dotted(is_dotted);
    Item::Table(table)
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
        Value::Duration { written: text, .. } | Value::Text(text) => text.into(),
        Value::List(items) => items.iter().collect::<Array>().into(),
        Value::Map(map) => map.iter().collect::<InlineTable>().into(),
    }
}

/// The text without the line of one value. Taking the text out by position keeps the comments above it, which belong
/// to no value alone.
fn without_line(text: &str, key: &str) -> Result<String, EditError> {
    let document = parsed(text)?;
    let Some((table, last)) = holder(&document, key) else { return Ok(text.to_owned()) };
    let Some((name, Item::Value(value))) = table.get_key_value(last) else { return Ok(text.to_owned()) };
    let (Some(name), Some(value)) = (name.span(), value.span()) else { return without_item(text, key) };
    let start = text[..name.start].rfind('\n').map_or(0, |end| end + 1);
    let end = text[value.end..].find('\n').map_or(text.len(), |at| value.end + at + 1);
    let stands_alone = !text[start..name.start].contains(['{', ',', '=']);
    let behind = text[value.end..end].trim();
    if stands_alone && (behind.is_empty() || behind.starts_with('#')) {
        return Ok(format!("{}{}", &text[..start], &text[end..]));
    }
    without_item(text, key)
}

/// The same for a value inside of an inline table.
fn without_item(text: &str, key: &str) -> Result<String, EditError> {
    let mut document = parsed(text)?.into_mut();
    let (above, last) = key.rsplit_once('.').expect("every key has a section");
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for part in above.split('.') {
        let item = table.get_mut(part).and_then(Item::as_table_like_mut);
        table = item.ok_or_else(|| EditError::NotATable(part.to_owned()))?;
    }
    table.remove(last);
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use hew_core::settings::Origin;
    use hew_core::settings::layers::read_key;

    use super::*;

    fn set(text: &str, key: &str, value: &str) -> String {
        let value = read_key(key, value, &Origin::BuiltIn).unwrap();
        with_value(text, key, &value).unwrap()
    }

    fn unset(text: &str, key: &str) -> String {
        without_key(text, key).unwrap().0
    }

    #[test]
    fn a_key_is_set_and_everything_else_stays() {
        for (before, key, value, after) in [
            ("", "loop.jobs", "3", "[loop]\njobs = 3\n"),
            ("# top\n", "loop.gate.timeout", "5m", "# top\n\n[loop.gate]\ntimeout = \"5m\"\n"),
            (
                "[loop]\n# why\njobs = 2 # few\nmerge = 'task'\n",
                "loop.jobs",
                "3",
                "[loop]\n# why\njobs = 3 # few\nmerge = 'task'\n",
            ),
            (
                "[loop]\njobs = 2\n\n# own\n[tracker]\nkind = 'auto'\n",
                "loop.deliver",
                "false",
                "[loop]\njobs = 2\ndeliver = false\n\n# own\n[tracker]\nkind = 'auto'\n",
            ),
            ("loop.jobs = 2\n", "loop.gate.command", "make", "loop.jobs = 2\nloop.gate.command = \"make\"\n"),
            ("loop = { jobs = 2 }\n", "loop.jobs", "3", "loop = { jobs = 3 }\n"),
            (
                "[loop]\njobs = 2\n",
                "loop.collect.max_bytes",
                "17",
                "[loop]\njobs = 2\n\n[loop.collect]\nmax_bytes = 17\n",
            ),
        ] {
            assert_eq!(set(before, key, value), after, "{key} in {before:?}");
        }
    }

    #[test]
    fn maps_are_set_whole_or_by_entry() {
        let env = "loop.runtime_defs.x.env";
        let spread = "[loop.runtime_defs.x.env]\n# first\nA = '1'\nB = '2'\n";
        for (before, key, value, after) in [
            ("", env, "B=2,A=1", "[loop.runtime_defs.x]\nenv = { A = \"1\", B = \"2\" }\n"),
            (
                "[loop.runtime_defs.x]\nenv = { C = '3' }\n",
                env,
                "A=1",
                "[loop.runtime_defs.x]\nenv = { A = \"1\" }\n",
            ),
            (spread, env, "B=3,C=4", "[loop.runtime_defs.x.env]\n# first\nB = \"3\"\nC = \"4\"\n"),
            (
                spread,
                "loop.runtime_defs.x.env.B",
                "3",
                "[loop.runtime_defs.x.env]\n# first\nA = '1'\nB = \"3\"\n",
            ),
        ] {
            assert_eq!(set(before, key, value), after, "{key} in {before:?}");
        }
        assert_eq!(unset(spread, env), "[loop.runtime_defs.x.env]\n# first\n");
        assert_eq!(
            unset("[loop.runtime_defs.x]\nenv = { A = '1', B = '2' }\n", "loop.runtime_defs.x.env.A"),
            "[loop.runtime_defs.x]\nenv = { B = '2' }\n"
        );
    }

    #[test]
    fn a_key_is_taken_out_with_its_line_and_no_comment_above() {
        for (before, after) in [
            (
                "# top\n[loop]\n# why\njobs = 2 # few\nmerge = 'task'\n",
                "# top\n[loop]\n# why\nmerge = 'task'\n",
            ),
            ("# top\nloop.jobs = 2", "# top\n"),
            ("loop = { jobs = 2, deliver = true }\n", "loop = { deliver = true }\n"),
            ("[tracker]\nkind = 'auto'\n", "[tracker]\nkind = 'auto'\n"),
        ] {
            assert_eq!(unset(before, "loop.jobs"), after, "{before:?}");
        }
        let lines = "[loop]\nworktree.copy = [\n  'a', # one\n  'b',\n]\njobs = 2\n";
        assert_eq!(unset(lines, "loop.worktree.copy"), "[loop]\njobs = 2\n");
        assert!(!without_key("", "loop.jobs").unwrap().1);
    }

    #[test]
    fn what_can_not_be_changed_is_refused() {
        let jobs = Value::Count(2);
        assert!(matches!(with_value("\n[loop", "loop.jobs", &jobs), Err(EditError::Syntax { line: 2, .. })));
        assert_eq!(with_value("loop = 1", "loop.jobs", &jobs), Err(EditError::NotATable("loop".to_owned())));
        assert_eq!(with_value("[[loop]]", "loop.jobs", &jobs), Err(EditError::NotATable("loop".to_owned())));
    }
}
