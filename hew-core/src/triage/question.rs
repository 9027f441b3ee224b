//! What a model is asked about a failure.

use std::fmt::Write as _;

use super::CiFailure;
use super::task::header;

/// Most bytes of the project's own guide that are told.
pub const MAX_GUIDE: usize = 4096;

/// Commits that are told.
pub const COMMITS: usize = 5;

/// Most bytes of an answer that are kept.
pub const MAX_PLAN: usize = 8 * 1024;

/// The facts, what was committed lately, and how the project describes itself.
pub fn question(failure: &CiFailure, commits: &str, guide: Option<&str>) -> String {
    let mut text = format!("{}\nConclusion: {}\n", header(failure), failure.conclusion);
    let mut push = |heading: &str, body: &str| {
        let body = body.trim();
        if !body.is_empty() {
            let _ = write!(text, "\n## {heading}\n\n{body}\n");
        }
    };
    push("Last commits", commits);
    push("What the project says of itself", guide.unwrap_or_default());
    text
}
