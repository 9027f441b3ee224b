//! What was said to be next, as a run's journal leaves it.

use crate::ids::IterationId;
use crate::record::JournalEvent;
use crate::record::event::BatchSource;
use crate::schedule::batch_plan::BatchPlan;

/// What was said to be next.
#[derive(Debug, Clone, Default)]
pub struct BatchesBefore {
    /// Number of the last batch.
    pub last: u32,
    /// Number of the newest batch that somebody spoke.
    pub last_spoken: u32,
    /// What it names, if it narrows anything.
    pub in_force: Option<BatchPlan>,
    /// The newest batch, where it is the planner's silence.
    pub silent: Option<u32>,
    /// The planner that was being asked: the number of its batch, and the iteration that had just ended.
    pub asked: Option<(u32, IterationId)>,
}

impl BatchesBefore {
    pub(super) fn apply(&mut self, event: &JournalEvent) {
        match event {
            JournalEvent::PlannerStarted { number, iteration, .. } => {
                self.last = self.last.max(*number);
                self.asked = Some((*number, *iteration));
            }
            JournalEvent::BatchPlanned { number, source, task_ids, .. } => {
                self.last = self.last.max(*number);
                self.asked.take_if(|(asked, _)| asked == number);
                if *source == BatchSource::Skipped {
                    self.silent = if *number > self.last_spoken { Some(*number) } else { self.silent };
                } else if *number >= self.last_spoken {
                    (self.last_spoken, self.silent) = (*number, None);
                    let tasks = task_ids.iter().cloned().collect();
                    let plan = BatchPlan { number: *number, source: *source, tasks };
                    self.in_force = (!task_ids.is_empty()).then_some(plan);
                }
            }
            _ => {}
        }
    }
}
