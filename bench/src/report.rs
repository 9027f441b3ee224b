//! Tables for people, and whether the targets are met.

use std::fmt::Write as _;

/// A table that grows a row at a time and is printed whole.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    missed: bool,
}

impl Table {
    /// An empty one.
    pub(crate) fn new(title: impl Into<String>, head: &[&'static str]) -> Self {
        let mut head = head.to_vec();
        head.extend(["target", "verdict"]);
        Self { title: title.into(), head, rows: Vec::new(), missed: false }
    }

    /// A row that ends with what was reached and the most that is allowed.
    pub(crate) fn row(&mut self, mut cells: Vec<String>, reached: f64, target: f64) {
        // Not a number is a miss too.
        let met = reached <= target;
        self.missed |= !met;
        cells.push(format!("<= {target}"));
        cells.push(if met { "pass" } else { "FAIL" }.to_owned());
        self.rows.push(cells);
    }

    /// Prints it; answers whether every target is met.
    pub(crate) fn print(&self) -> bool {
        println!("\n{}", self.title);
        print!("{}", self.text());
        !self.missed
    }

    fn text(&self) -> String {
        let head: Vec<String> = self.head.iter().map(|cell| (*cell).to_owned()).collect();
        let lines = || std::iter::once(&head).chain(&self.rows);
        let width =
            |column: usize| lines().filter_map(|line| line.get(column)).map(String::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let mut text = String::new();
        for line in lines() {
            for (cell, width) in line.iter().zip(&widths) {
                write!(text, "{cell:>width$}  ").expect("a text takes what is written to it");
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }
}

/// Seconds with two decimals.
pub(crate) fn seconds(figure: f64) -> String {
    format!("{figure:.2}")
}

/// A ratio with two decimals.
pub(crate) fn ratio(figure: f64) -> String {
    format!("{figure:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_a_miss_is_remembered() {
        let mut table = Table::new("P0", &["n", "ratio"]);
        table.row(vec!["1".to_owned(), "1.050".to_owned()], 1.05, 1.1);
        assert!(!table.missed);
        table.row(vec!["16".to_owned(), "1.200".to_owned()], 1.2, 1.1);
        assert!(table.missed);
        assert_eq!(
            table.text(),
            " n  ratio  target  verdict\n 1  1.050  <= 1.1     pass\n16  1.200  <= 1.1     FAIL\n"
        );
    }

    #[test]
    fn what_could_not_be_measured_is_a_miss() {
        let mut table = Table::new("P0", &["n"]);
        table.row(vec!["1".to_owned()], f64::NAN, 1.1);
        assert!(table.missed);
    }
}
