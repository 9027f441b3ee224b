//! What an agent is told whose session goes on after its provider failed it.

use crate::ids::TaskId;

/// The prompt of a session that goes on: the task itself stands in it already.
pub fn render_resumed(task: &TaskId) -> String {
    format!(
        "# Your task: {task}\n\nThe connection to your model broke off, and is there again. Go on with this task where \
         you stopped: what you have done so far lies in this folder. End it as you were told before: `hew done \
         --reason R`, `hew blocked --reason R`, or `hew fail --reason R`.\n"
    )
}
