//! What each task took, over all its iterations.

use foldhash::{HashMap, HashMapExt as _};

use crate::ids::TaskId;
use crate::record::view::IterationRow;

/// What one task took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct TaskSum {
    /// Its place in the order in which tasks began.
    pub(super) place: usize,
    /// Milliseconds from start to end, over its ended iterations.
    pub(super) ms: u64,
    /// Tokens of all kinds.
    pub(super) tokens: u64,
    /// Money in USD, as far as it is known.
    pub(super) usd: Option<f64>,
    /// Some of its tokens have no price.
    pub(super) has_unpriced: bool,
}

/// What each task took.
pub(super) struct TaskSums<'a>(HashMap<&'a TaskId, TaskSum>);

impl<'a> TaskSums<'a> {
    pub(super) fn of(rows: &'a [IterationRow]) -> Self {
        // Room for all at once: a map that grows is moved again and again, and there are no more tasks than iterations.
        let mut sums: HashMap<&TaskId, TaskSum> = HashMap::with_capacity(rows.len());
        for row in rows {
            let Some(task) = &row.task else { continue };
            let place = sums.len();
            let sum = sums.entry(task).or_insert(TaskSum { place, ..TaskSum::default() });
            let tokens = row.usage.total();
            sum.ms = sum.ms.saturating_add(row.duration_ms);
            sum.tokens = sum.tokens.saturating_add(tokens);
            match row.cost_usd {
                Some(usd) => sum.usd = Some(sum.usd.unwrap_or(0.0) + usd),
                None => sum.has_unpriced |= tokens > 0,
            }
        }
        Self(sums)
    }

    /// Of one task; zeros where none of its iterations is known.
    pub(super) fn task(&self, id: &TaskId) -> TaskSum {
        self.0.get(id).copied().unwrap_or(TaskSum { place: usize::MAX, ..TaskSum::default() })
    }

    /// All of them, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'a TaskId, TaskSum)> {
        self.0.iter().map(|(id, sum)| (*id, *sum))
    }
}
