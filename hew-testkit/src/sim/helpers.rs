//! A model server that is asked beside the iterations: it answers in time, too late, nonsense, or not at all.

use std::time::Duration;

use hew_core::agent::Usage;
use hew_core::engine::event::HelperAnswer;
use hew_core::engine::{Event, HelperJob};
use hew_core::helper::Helper;
use hew_core::ids::{IterationId, ModelName};

use super::world::{Due, World};

/// In the middle, until the server answers.
const USUAL: Duration = Duration::from_millis(1500);

/// Most tokens of one answer.
const MOST_TOKENS: u64 = 30;

impl World {
    /// A question goes out; its answer comes whatever becomes of the iteration.
    pub(super) fn ask_helper(&mut self, iteration: IterationId, job: &HelperJob) {
        let (helper, limit) = match job {
            HelperJob::Classify { .. } => (Helper::Classifier, Duration::from_secs(10)),
            HelperJob::Summarize => (Helper::Summary, Duration::from_secs(6)),
        };
        let takes = self.chances.helpers.duration(USUAL, 1.2);
        let result = if takes > limit {
            Err(format!("no answer within {} s", limit.as_secs()))
        } else {
            self.words_of_helper(helper)
        };
        self.tally.count(if result.is_ok() { "helpers that answered" } else { "helpers that failed" });
        let token = self.token();
        self.process_mut().questions.insert(token, Event::Helped { iteration, helper, result });
        self.plan_due(takes.min(limit), Due::Helper, token);
    }

    fn words_of_helper(&mut self, helper: Helper) -> Result<HelperAnswer, String> {
        let chance = &mut self.chances.helpers;
        let text = match (helper, chance.below(6)) {
            (_, 0) => return Err("connection refused".to_owned()),
            (_, 1) => String::new(),
            (_, 2) => "I { can't \"say\": ".to_owned(),
            (Helper::Summary, _) => "It did what it was told.".to_owned(),
            (Helper::Classifier, _) => {
                let runtime = chance.one_of(&["one", "two", "nobody's", ""]);
                let model = chance.one_of(&["small", "nobody's", ""]);
                format!(
                    "Here: {{\"runtime\": \"{runtime}\", \"model\": \"{model}\", \"reason\": \"why not\"}}"
                )
            }
        };
        let usage = Usage { input: chance.next() % MOST_TOKENS, ..Usage::default() };
        Ok(HelperAnswer { text, model: Some(ModelName::new("small")), usage })
    }
}
