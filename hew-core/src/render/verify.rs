//! What the verification at the end showed, in one line.

use super::figures::duration_secs;
use crate::record::event::VerifyOutcome;

/// `green: …`, `red: …`, `timed out: …` or `skipped: …`, with command and names of failed tests.
pub fn words(outcome: &VerifyOutcome, failed_tests: &[String]) -> String {
    let why = outcome.why_red(failed_tests).unwrap_or_default();
    match outcome {
        VerifyOutcome::Passed { command, duration_secs: secs } => {
            format!("green: `{command}` in {}", duration_secs(*secs))
        }
        VerifyOutcome::Failed { .. } => format!("red: {why}"),
        VerifyOutcome::TimedOut { .. } => format!("timed out: {why}"),
        VerifyOutcome::Skipped { reason } => format!("skipped: {reason}"),
    }
}
