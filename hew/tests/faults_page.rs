//! The page on faults: each line of the list is there once, and every test that it names exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of the list.
const LINES: std::ops::RangeInclusive<u32> = 1..=88;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Rows of the page: the number, what goes wrong, what shows how it ends.
fn rows() -> Vec<(u32, String, String)> {
    let page = fs::read_to_string(root().join("docs/faults.md")).expect("the page is there");
    let cells = |line: &str| -> Option<(u32, String, String)> {
        let cells: Vec<&str> = line.trim().trim_matches('|').split(" | ").map(str::trim).collect();
        let [number, what, shown] = cells[..] else { return None };
        Some((number.parse().ok()?, what.to_owned(), shown.to_owned()))
    };
    page.lines().filter(|line| line.starts_with('|')).filter_map(cells).collect()
}

/// Names of tests in a row: `file::name` in backticks.
fn tests_in(row: &str) -> Vec<(String, String)> {
    let spans = row.split('`').skip(1).step_by(2);
    spans
        .filter_map(|span| span.split_once("::"))
        .map(|(file, name)| (file.to_owned(), name.to_owned()))
        .collect()
}

#[test]
fn every_line_of_the_list_stands_on_the_page_once_with_a_test_or_a_reason() {
    let mut seen = BTreeMap::<u32, usize>::new();
    for (number, what, shown) in rows() {
        *seen.entry(number).or_default() += 1;
        assert!(!what.is_empty(), "line {number} says nothing");
        let has_reason = shown.contains("Reason:");
        assert!(
            has_reason || !tests_in(&shown).is_empty(),
            "line {number} names no test and gives no reason"
        );
    }
    let odd: Vec<_> = seen.iter().filter(|(number, times)| !LINES.contains(number) || **times != 1).collect();
    assert!(odd.is_empty(), "lines that are none, or stand there more than once: {odd:?}");
    let missing: Vec<u32> = LINES.filter(|number| !seen.contains_key(number)).collect();
    assert!(missing.is_empty(), "lines that are not there: {missing:?}");
}

#[test]
fn every_test_on_the_page_exists() {
    let mut wrong = BTreeSet::new();
    for (number, _, shown) in rows() {
        for (file, name) in tests_in(&shown) {
            let source = fs::read_to_string(root().join(&file)).unwrap_or_default();
            if !source.contains(&format!("fn {name}(")) {
                wrong.insert(format!("line {number}: {file}::{name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "no such test:\n{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}
