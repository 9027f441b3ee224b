//! One worker's iterations as blocks that can be told apart: what is too narrow to be seen alone is drawn together.
//!
//! A lane has at most as many blocks as its width allows, however many iterations it has.

use super::scale::Scale;
use crate::agent::IterationOutcome;
use crate::record::view::IterationRow;

/// An iteration narrower than this is drawn with its neighbours.
pub(super) const NARROWEST: f64 = 7.0;

/// How many ways an iteration can stand: the ten outcomes, and not ended.
pub(super) const STANDINGS: usize = IterationOutcome::ALL.len() + 1;

/// The place of a standing in tables: outcomes in their order, then not ended.
pub(super) fn standing(outcome: Option<IterationOutcome>) -> usize {
    let place = |outcome| IterationOutcome::ALL.iter().position(|known| *known == outcome);
    outcome.and_then(place).unwrap_or(IterationOutcome::ALL.len())
}

/// The outcome at a place of such a table.
pub(super) fn outcome_at(standing: usize) -> Option<IterationOutcome> {
    IterationOutcome::ALL.get(standing).copied()
}

/// Something that is drawn as one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block<'a> {
    /// Where it begins.
    pub(super) from: f64,
    /// Where it ends.
    pub(super) to: f64,
    /// What is in it.
    pub(super) what: What<'a>,
}

/// What a block holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What<'a> {
    /// One iteration.
    One(&'a IterationRow),
    /// Several: how many of each standing.
    Many([u32; STANDINGS]),
}

/// The blocks of one worker, whose iterations come in the order in which they began. A worker is free while its result
/// waits to land, so an iteration is drawn at most to the start of the next.
pub(super) fn blocks<'a>(rows: &[&'a IterationRow], scale: Scale) -> Vec<Block<'a>> {
    let mut blocks: Vec<Block<'a>> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let Some(started) = row.started_at else { continue };
        let from = scale.x(started);
        let ended = row.ended_at.map_or_else(|| scale.x_of_ms(scale.span_ms), |ended| scale.x(ended));
        let next = rows.get(at + 1).and_then(|next| next.started_at).map(|next| scale.x(next));
        let to = next.filter(|next| *next > from).map_or(ended, |next| ended.min(next)).max(from);
        match blocks.last_mut() {
            Some(last) if is_narrow(last) && to - from < NARROWEST && from < last.from + NARROWEST => {
                join(last, row, to);
            }
            _ => blocks.push(Block { from, to, what: What::One(row) }),
        }
    }
    blocks
}

fn is_narrow(block: &Block<'_>) -> bool {
    matches!(block.what, What::Many(_)) || block.to - block.from < NARROWEST
}

fn join(block: &mut Block<'_>, row: &IterationRow, to: f64) {
    let mut counts = match block.what {
        What::Many(counts) => counts,
        What::One(first) => {
            let mut counts = [0; STANDINGS];
            counts[standing(first.outcome)] = 1;
            counts
        }
    };
    counts[standing(row.outcome)] += 1;
    block.to = block.to.max(to).max(block.from + NARROWEST - 1.0);
    block.what = What::Many(counts);
}
