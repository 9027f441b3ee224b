//! What a run of claude used.
//!
//! Exact from `result` lines: what was used since the last one where claude says that (its other counts go on over a
//! resumed session), else the last line's counts by model. What came after the last `result`, and all of a run that was
//! killed, is counted by message: input as the stream says it, output as the session file says it.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::events::{Event, ModelUsage};
use crate::agent::Usage;

/// Most messages that are told apart; lines of one message stand close together.
const MAX_MESSAGES: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Spent {
    settled: Usage,
    cost: Option<f64>,
    counts_since: bool,
    only_model: Option<String>,
    messages: VecDeque<Seen>,
    /// The id and the use that the last line told of: most lines tell of the same message once more.
    last: (String, Usage),
    /// What the messages used that no result has counted.
    open: Usage,
    /// Nothing was said since the last result.
    is_settled: bool,
}

/// A message that was seen.
#[derive(Debug)]
struct Seen {
    id: u64,
    used: Usage,
    is_settled: bool,
}

impl Spent {
    /// The output has a message, which used at least this.
    pub(super) fn saw_message(&mut self, id: &str, used: Usage) {
        if !self.is_settled && self.last.0 == id && self.last.1 == used {
            return;
        }
        self.is_settled = false;
        self.saw(id, used);
        self.last.0.clear();
        self.last.0.push_str(id);
        self.last.1 = used;
    }

    /// The session file has a message, which used this. It is read later than the output: a result has counted what it
    /// holds, also where the output has not shown it.
    pub(super) fn saw_in_session(&mut self, id: &str, used: Usage) {
        if !self.is_settled {
            self.saw(id, used);
        }
    }

    fn saw(&mut self, id: &str, used: Usage) {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let id = hasher.finish();
        if let Some(seen) = self.messages.iter_mut().rev().find(|seen| seen.id == id) {
            if !seen.is_settled {
                let more = at_least(seen.used, used);
                self.open += more.minus(seen.used);
                seen.used = more;
            }
            return;
        }
        self.open += used;
        self.messages.push_back(Seen { id, used, is_settled: false });
        if self.messages.len() > MAX_MESSAGES {
            self.messages.pop_front();
        }
    }

    pub(super) fn take_result(&mut self, event: &Event<'_>) {
        let since = event.model_usage_since_last_result.as_ref();
        if let Some(models) = since {
            self.counts_since = true;
            let earlier = if self.settled == Usage::default() { Some(0.0) } else { self.cost };
            self.settled += sum(models);
            self.cost = earlier.zip(cost(models)).map(|(earlier, more)| earlier + more);
        } else if let (Some(models), false) = (&event.model_usage, self.counts_since) {
            self.settled = sum(models);
            self.cost = cost(models);
        } else {
            // No counts by model: what its messages told of is all that is known.
            self.settled += self.open;
            self.cost = event.total_cost_usd.filter(|cost| cost.is_finite() && *cost >= 0.0);
        }
        if let Some(models) = since.or(event.model_usage.as_ref()).filter(|models| models.len() == 1) {
            self.only_model = models.keys().next().cloned();
        }
        self.open = Usage::default();
        self.is_settled = true;
        for seen in &mut self.messages {
            seen.is_settled = true;
        }
    }

    pub(super) fn usage(&self) -> Usage {
        let mut all = self.settled;
        all += self.open;
        all
    }

    /// The price of all of it; none as long as claude has not said it.
    pub(super) fn cost_usd(&self) -> Option<f64> {
        self.cost.filter(|_| self.open == Usage::default())
    }

    pub(super) fn only_model(&self) -> Option<&str> {
        self.only_model.as_deref()
    }
}

fn at_least(one: Usage, other: Usage) -> Usage {
    Usage {
        input: one.input.max(other.input),
        output: one.output.max(other.output),
        cache_read: one.cache_read.max(other.cache_read),
        cache_create: one.cache_create.max(other.cache_create),
    }
}

fn sum(models: &BTreeMap<String, ModelUsage>) -> Usage {
    models.values().fold(Usage::default(), |mut all, model| {
        all += model.usage();
        all
    })
}

fn cost(models: &BTreeMap<String, ModelUsage>) -> Option<f64> {
    models.values().try_fold(0.0, |all, model| Some(all + model.cost_usd()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(input: u64, output: u64) -> Usage {
        Usage { input, output, ..Usage::default() }
    }

    fn result(spent: &mut Spent, since: u64) {
        let line = format!(r#"{{"model_usage_since_last_result":{{"m":{{"inputTokens":{since}}}}}}}"#);
        spent.take_result(&serde_json::from_str(&line).unwrap());
    }

    #[test]
    fn a_message_counts_once_with_the_most_that_is_known_of_it() {
        let mut spent = Spent::default();
        spent.saw_message("a", tokens(10, 0));
        spent.saw_message("a", tokens(10, 0));
        spent.saw_in_session("a", tokens(10, 7));
        spent.saw_message("b", tokens(5, 0));
        spent.saw_message("a", tokens(10, 0));
        assert_eq!(spent.usage(), tokens(15, 7));
        assert_eq!(spent.cost_usd(), None);
    }

    #[test]
    fn a_message_that_is_told_of_again_counts_what_is_more_and_opens_what_was_settled() {
        let mut spent = Spent::default();
        for used in [3, 3, 9, 4, 9] {
            spent.saw_message("a", tokens(used, 0));
        }
        assert_eq!(spent.usage(), tokens(9, 0));
        result(&mut spent, 9);
        spent.saw_message("a", tokens(9, 0));
        spent.saw_in_session("b", tokens(5, 0));
        assert_eq!(spent.usage(), tokens(14, 0), "something was said since the result, so the file counts");
    }

    #[test]
    fn a_result_without_counts_by_model_leaves_what_was_counted() {
        let mut spent = Spent::default();
        spent.saw_message("a", tokens(1000, 1));
        spent.take_result(&serde_json::from_str(r#"{"total_cost_usd":0.1}"#).unwrap());
        assert_eq!((spent.usage(), spent.cost_usd()), (tokens(1000, 1), Some(0.1)));
    }

    #[test]
    fn what_a_result_has_counted_is_not_counted_again_by_a_file_that_is_read_later() {
        let mut spent = Spent::default();
        spent.saw_message("a", tokens(10, 0));
        result(&mut spent, 25);
        spent.saw_in_session("a", tokens(10, 7));
        spent.saw_in_session("a-subagents", tokens(15, 3));
        assert_eq!(spent.usage(), tokens(25, 0));
        // The next turn is open, and the file brings the message of the one before once more.
        spent.saw_message("b", tokens(4, 0));
        spent.saw_in_session("a", tokens(10, 7));
        spent.saw_in_session("b", tokens(4, 2));
        assert_eq!(spent.usage(), tokens(29, 2));
        result(&mut spent, 4);
        assert_eq!(spent.usage(), tokens(29, 0));
    }

    #[test]
    fn messages_without_number_take_bounded_memory() {
        let mut spent = Spent::default();
        for number in 0..MAX_MESSAGES * 3 {
            spent.saw_message(&number.to_string(), tokens(1, 0));
        }
        assert_eq!(spent.usage(), tokens(3 * MAX_MESSAGES as u64, 0));
        assert_eq!(spent.messages.len(), MAX_MESSAGES);
    }
}
