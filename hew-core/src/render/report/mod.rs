//! A run as one HTML page that needs nothing else: no network, no font, no script to be readable.
//!
//! Invariants: linear in the number of iterations and tasks, and written as it is made; what comes from outside passes
//! through `page::Page`; details with logs are bounded in number and size; every figure is one of the summary's, or a
//! sum of the iterations' figures that the summary adds up as well. Works on runs in flight, crashed ones, and those of
//! which little is known.
//!
//! | file | holds |
//! | --- | --- |
//! | `page` | the only way to write to the page |
//! | `frame` | head, style, script, navigation |
//! | `headline` | what happened, is it safe, is it delivered, what needs a person |
//! | `timeline`, `scale`, `blocks` | the picture of time: a lane a worker |
//! | `iterations` | the same as a table |
//! | `sums` | what each task took |
//! | `tasks` | a row a task |
//! | `failures` | what went wrong, with the ends of logs |
//! | `dependencies` | the graph of tasks |
//! | `costs` | tokens and money by model, worker and task |
//! | `plans` | what was said to be next |
//! | `settings` | what was in force, and where it came from |

mod blocks;
mod costs;
mod dependencies;
mod failures;
mod frame;
mod headline;
mod iterations;
mod page;
mod plans;
mod scale;
mod settings;
mod sums;
mod tasks;
mod timeline;

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use chrono::{DateTime, Utc};

pub use dependencies::{MAX_DRAWN, drawn};
pub use failures::{LogTail, MAX_LOGGED, logged};
use page::Page;
use sums::TaskSums;

use super::graph::Graph;
use crate::ids::IterationId;
use crate::record::RunState;
use crate::record::view::{IterationRow, RunView};
use crate::settings::secret::SecretValues;

/// Everything that a page shows.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The run.
    pub view: &'a RunView,
    /// Its iterations, in the order in which they began.
    pub rows: &'a [IterationRow],
    /// How it stands.
    pub state: RunState,
    /// The run folder, for people.
    pub folder: &'a str,
    /// When the page is made.
    pub made_at: DateTime<Utc>,
    /// The tasks of [`drawn`] and what they depend on.
    pub tasks: &'a Graph,
    /// Ends of logs of the iterations that [`logged`] names.
    pub logs: &'a BTreeMap<IterationId, Vec<LogTail>>,
    /// The end of the log of the check at the end, where that was red.
    pub verify_log: Option<&'a LogTail>,
    /// What may not be shown.
    pub secrets: &'a SecretValues,
    /// What could not be read, for people.
    pub gaps: &'a [String],
}

impl Report<'_> {
    /// Writes the whole page.
    pub fn write(&self, out: &mut dyn Write) -> fmt::Result {
        let sums = TaskSums::of(self.rows);
        let mut page = Page::new(out, self.secrets);
        frame::begin(&mut page, self)?;
        headline::write(&mut page, self)?;
        timeline::write(&mut page, self, &sums)?;
        tasks::write(&mut page, self, &sums)?;
        failures::write(&mut page, self)?;
        dependencies::write(&mut page, self)?;
        costs::write(&mut page, self, &sums)?;
        plans::write(&mut page, self)?;
        settings::write(&mut page, self)?;
        frame::end(&mut page, self)
    }
}
