//! Failures of runtimes that say everything in text: a few words of its end give a class and a time.

use std::time::Duration;

use super::{FailureClass, RetryAt, RuntimeFailure};
use crate::exit::Exit;

/// Longest wait that is believed.
const MAX_WAIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// What the end of an agent's output says of a runtime's failure; none where it ended with exit code 0 or says nothing.
pub fn failure_in_text(exit: Exit, stdout_tail: &str, stderr_tail: &str) -> Option<RuntimeFailure> {
    if exit.is_success() {
        return None;
    }
    let lines = || stderr_tail.lines().chain(stdout_tail.lines());
    let (line, class) = lines().find_map(|line| Some((line, class_of(line)?)))?;
    let wait = wait(line).or_else(|| lines().find_map(wait));
    Some(RuntimeFailure::new(class, line, wait.map(RetryAt::After)))
}

fn class_of(line: &str) -> Option<FailureClass> {
    let lower = line.to_ascii_lowercase();
    let has = |words: &str| lower.contains(words);
    if has("usage limit") || has("status: rejected") {
        Some(FailureClass::Quota)
    } else if has("rate limit")
        || has("too many requests")
        || has("retry after ")
        || has_number(&lower, "429")
    {
        Some(FailureClass::RateLimit)
    } else if has("overloaded") {
        Some(FailureClass::Overloaded)
    } else {
        None
    }
}

/// The number stands there by itself, and not within a longer one or a word.
fn has_number(text: &str, number: &str) -> bool {
    text.match_indices(number).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + number.len()..].chars().next();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '.') && !after.is_some_and(char::is_alphanumeric)
    })
}

/// How long to wait, where the words say so: `retry after 30`, `Retry-After: 30`, `try again in 1.5s`.
pub(super) fn wait(text: &str) -> Option<Duration> {
    let lower = text.to_ascii_lowercase();
    let starts = ["retry after ", "retry-after: ", "retry-after ", "try again in ", "retry in "];
    let rest = starts.into_iter().find_map(|words| Some(lower.split_once(words)?.1.trim_start()))?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let number: f64 = rest[..end].trim_end_matches('.').parse().ok()?;
    let unit: String = rest[end..].trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
    let seconds = match unit.as_str() {
        "ms" | "millisecond" | "milliseconds" => number / 1000.0,
        "m" | "min" | "minute" | "minutes" => number * 60.0,
        "h" | "hour" | "hours" => number * 3600.0,
        "d" | "day" | "days" => number * 86400.0,
        _ => number,
    };
    Duration::try_from_secs_f64(seconds).ok().filter(|wait| *wait <= MAX_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_at_the_end_of_a_failed_runs_output_give_class_and_time() {
        let after = |seconds| Some(RetryAt::After(Duration::from_secs(seconds)));
        let cases = [
            ("Error: rate limit reached", Some((FailureClass::RateLimit, None))),
            ("HTTP 429", Some((FailureClass::RateLimit, None))),
            ("429 Too Many Requests, retry after 30", Some((FailureClass::RateLimit, after(30)))),
            ("Too many requests\nRetry-After: 7", Some((FailureClass::RateLimit, after(7)))),
            ("rate limited: please try again in 2m.", Some((FailureClass::RateLimit, after(120)))),
            ("Rate limit. Please try again in 20s.", Some((FailureClass::RateLimit, after(20)))),
            ("the model is Overloaded", Some((FailureClass::Overloaded, None))),
            ("You have reached your usage limit", Some((FailureClass::Quota, None))),
            ("status: rejected", Some((FailureClass::Quota, None))),
            ("4291 files, 14290 lines, 0.429 s", None),
            ("all is well", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let found = failure_in_text(Exit::Code(1), text, "").map(|found| (found.class, found.retry_at));
            assert_eq!(found, expected, "{text}");
            assert_eq!(failure_in_text(Exit::Code(1), "", text).map(|f| f.class), expected.map(|e| e.0));
            assert_eq!(failure_in_text(Exit::Code(0), text, text), None, "{text}");
        }
    }
}
