//! The verification at the end, as a node.

use super::class::{NodeClass, VerifyLook};
use super::ir::{Facts, Node, Place};
use super::key::NodeKey;
use crate::record::event::VerifyOutcome;
use crate::record::view::VerifyView;
use crate::render::figures::{duration_ms, duration_secs};

/// Most failed tests that are named.
const MAX_FAILED_TESTS: usize = 3;

/// The node, in this row.
pub(super) fn node(key: NodeKey, seen: &VerifyView, row: u32) -> Node {
    let (look, glyph, what, command) = match &seen.outcome {
        VerifyOutcome::Passed { command, duration_secs: secs } => {
            (VerifyLook::Passed, "✓", format!("passed in {}", duration_secs(*secs)), Some(command))
        }
        VerifyOutcome::Failed { command, exit_code, duration_secs: secs, .. } => {
            let what = format!("failed in {}, exit code {exit_code}", duration_secs(*secs));
            (VerifyLook::Failed, "✗", what, Some(command))
        }
        VerifyOutcome::TimedOut { command, budget_secs } => {
            let what = format!("timed out after {}", duration_ms(budget_secs.saturating_mul(1000)));
            (VerifyLook::TimedOut, "⏱", what, Some(command))
        }
        VerifyOutcome::Skipped { reason } => (VerifyLook::Skipped, "○", format!("skipped: {reason}"), None),
    };
    let mut label = vec!["verify".to_owned()];
    label.extend(command.cloned());
    label.push(what);
    let failed_tests: Vec<String> = seen.failed_tests.iter().take(MAX_FAILED_TESTS).cloned().collect();
    label.extend(failed_tests.iter().map(|name| format!("failed: {name}")));
    Node {
        key,
        name: "verify".to_owned(),
        glyph,
        label,
        detail: Vec::new(),
        class: NodeClass::Verify(look),
        place: Place::at(row),
        facts: Facts { commit: seen.sha.clone(), failed_tests, ..Facts::default() },
    }
}
