//! Where a key stands in a settings file's text, or would stand.

use std::ops::Range;

use hew_core::settings::lookup::{self, Found, find};
use toml_edit::{Document, Item, Key, Table, TableLike};

use super::EditError;

/// Where a path of a settings file leads.
pub(super) struct Place<'d, 'k> {
    /// The parts of the path.
    pub(super) parts: Vec<&'k str>,
    /// The tables that the first parts lead to: the document's own, that of one part, and so on.
    tables: Vec<&'d Item>,
    /// How many parts lead to the inline table that the path first goes through.
    pub(super) inline: Option<usize>,
    /// What the whole path leads to, under the name that it has in the file.
    pub(super) found: Option<(&'d Key, &'d Item)>,
}

/// Finds a canonical path. An entry is found under any name that means it.
pub(super) fn locate<'d, 'k>(
    document: &'d Document<&str>,
    path: &'k str,
) -> Result<Place<'d, 'k>, EditError> {
    let parts = lookup::parts(path);
    let (last, above) = parts.split_last().expect("splitting gives at least one part");
    let mut table: &dyn TableLike = document.as_table();
    let mut tables = vec![document.as_item()];
    let mut inline = None;
    for part in above {
        let Some(item) = table.get(part) else { return Ok(Place { parts, tables, inline, found: None }) };
        table = item.as_table_like().ok_or_else(|| EditError::NotATable((*part).to_owned()))?;
        if inline.is_none() && item.is_value() {
            inline = Some(tables.len());
        }
        tables.push(item);
    }
    let found = name_in(table, path, last).and_then(|name| table.get_key_value(&name));
    Ok(Place { parts, tables, inline, found })
}

/// The name under which a table holds what a path leads to.
fn name_in(table: &dyn TableLike, path: &str, last: &str) -> Option<String> {
    let Found::Entry(_, map, _) = find(path) else { return Some(last.to_owned()) };
    let mut names = table.iter().map(|(name, _)| name);
    names.find(|name| map.entry_name(name).is_ok_and(|own| own == last)).map(str::to_owned)
}

impl<'d> Place<'d, '_> {
    /// The table that so many parts lead to.
    pub(super) fn table(&self, depth: usize) -> &'d dyn TableLike {
        self.tables[depth].as_table_like().expect("only tables were gone through")
    }

    /// The same as an item.
    pub(super) fn item(&self, depth: usize) -> &'d Item {
        self.tables[depth]
    }

    /// How many parts lead to the innermost table that is there.
    pub(super) fn innermost(&self) -> usize {
        self.tables.len() - 1
    }

    /// How many parts lead to the innermost table that is not made by dotted keys: their lines belong to that table.
    pub(super) fn home(&self) -> usize {
        (0..self.tables.len()).rev().find(|depth| !self.table(*depth).is_dotted()).unwrap_or(0)
    }
}

/// From the beginning of the first line of a span to the end of its last, line break included.
pub(super) fn whole_lines(text: &str, span: Range<usize>) -> Range<usize> {
    let start = text[..span.start].rfind('\n').map_or(0, |end| end + 1);
    let end = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at + 1);
    start..end
}

/// The lines of all that a table holds, headers of the tables in it included.
pub(super) fn lines_below(text: &str, table: &Table) -> Vec<Range<usize>> {
    let lines_of = |name: &str| match table.get_key_value(name) {
        Some((key, Item::Value(value))) => {
            let span = key.span().zip(value.span()).map(|(key, value)| key.start..value.end);
            span.map(|span| whole_lines(text, span)).into_iter().collect()
        }
        Some((_, Item::Table(table))) => {
            header(text, table).into_iter().chain(lines_below(text, table)).collect()
        }
        _ => Vec::new(),
    };
    table.iter().flat_map(|(name, _)| lines_of(name)).collect()
}

/// The end of the last line that gives a value to a table itself, or to a table made by dotted keys in it.
pub(super) fn end_of_lines(text: &str, table: &dyn TableLike) -> Option<usize> {
    let end = |item: &Item| match item {
        Item::Value(value) => value.span().map(|span| whole_lines(text, span).end),
        Item::Table(below) if below.is_dotted() => end_of_lines(text, below),
        _ => None,
    };
    table.iter().filter_map(|(_, item)| end(item)).max()
}

/// The line of a table's own header, where it has one.
pub(super) fn header(text: &str, table: &Table) -> Option<Range<usize>> {
    let is_written = !table.is_dotted() && !table.is_implicit();
    table.span().filter(|_| is_written).map(|span| whole_lines(text, span))
}
