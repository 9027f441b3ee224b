//! What a call came to, read from machine forms only.
//!
//! bd says what is wrong in three places: as JSON on its output, as JSON on its error stream, as plain text there. Its
//! answers are arrays or objects, in an envelope or not.

use std::path::PathBuf;

use hew_core::cut;
use hew_core::exit::{CommandFailure, Exit};
use hew_core::tracker::record::task_from_record;
use hew_core::tracker::{Task, TrackerError};
use serde_json::Value;

/// How much of what the program said goes into an error.
const TAIL_BYTES: usize = 2048;

/// What a call came to; the program has ended by itself.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) argv: Vec<String>,
    pub(super) cwd: PathBuf,
    pub(super) exit: Exit,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: String,
}

impl Answer {
    /// What it answered, without its envelope; [`Value::Null`] where it printed nothing.
    pub(super) fn data(&self) -> Result<Value, TrackerError> {
        if !self.exit.is_success() {
            return Err(self.failure());
        }
        if self.stdout.trim_ascii().is_empty() {
            return Ok(Value::Null);
        }
        let data = json_in(&self.stdout).map(unwrapped).ok_or_else(|| self.failure())?;
        // Some versions end with 0 and say in their answer that it went wrong.
        if error_in(&data).is_some() && data.get("id").is_none() { Err(self.failure()) } else { Ok(data) }
    }

    /// The answer as a list: an object is a list of one. An answer that is empty is none.
    pub(super) fn items(&self) -> Result<Vec<Value>, TrackerError> {
        if self.exit.is_success() && self.stdout.trim_ascii().is_empty() {
            return Err(self.failure());
        }
        Ok(match self.data()? {
            Value::Array(items) => items,
            Value::Null => Vec::new(),
            one => vec![one],
        })
    }

    /// The answer as tasks.
    pub(super) fn tasks(&self) -> Result<Vec<Task>, TrackerError> {
        self.items()?.into_iter().map(|item| self.task(item)).collect()
    }

    fn task(&self, item: Value) -> Result<Task, TrackerError> {
        let Value::Object(record) = item else { return Err(self.failure()) };
        let id = record.get("id").map(Value::to_string).unwrap_or_default();
        task_from_record(record)
            .map_err(|error| TrackerError::Invalid(format!("`{}` on {id}: {error}", self.command())))
    }

    /// Nothing, if it ended well.
    pub(super) fn done(&self) -> Result<(), TrackerError> {
        self.data().map(drop)
    }

    /// What the program says is wrong, wherever it says it; without its warnings.
    pub(super) fn words(&self) -> String {
        let stdout = json_in(&self.stdout).map(unwrapped);
        let stderr = json_in(self.stderr.as_bytes()).map(unwrapped);
        let told = stdout.as_ref().and_then(error_in).or_else(|| stderr.as_ref().and_then(error_in));
        let words = told.unwrap_or_else(|| self.plain_words());
        tail(words.trim()).to_owned()
    }

    fn plain_words(&self) -> String {
        let mut is_warning = false;
        let lines = self.stderr.lines().filter(|line| {
            // A warning goes on in lines that are set in.
            is_warning = line.to_lowercase().starts_with("warning") || (is_warning && line.starts_with(' '));
            !is_warning
        });
        let said = lines.collect::<Vec<_>>().join("\n");
        if said.trim().is_empty() { String::from_utf8_lossy(&self.stdout).into_owned() } else { said }
    }

    pub(super) fn command(&self) -> String {
        self.argv.iter().take(2).cloned().collect::<Vec<_>>().join(" ")
    }

    /// The failure, with the program's own words.
    pub(super) fn failure(&self) -> TrackerError {
        TrackerError::Command(CommandFailure {
            argv: self.argv.clone(),
            cwd: self.cwd.clone(),
            exit: self.exit,
            output_tail: self.words(),
        })
    }
}

/// The JSON in an output, after lines that are something else.
fn json_in(bytes: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with(['{', '[']) || line.trim() == "null" {
            let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
            if let Some(Ok(value)) = values.next() {
                return Some(value);
            }
        }
        start += line.len();
    }
    None
}

/// What an envelope holds; and an object without the version that bd puts into it.
fn unwrapped(value: Value) -> Value {
    match value {
        Value::Object(mut object) if object.contains_key("schema_version") => {
            object.shift_remove("schema_version");
            match object.shift_remove("data") {
                Some(data) => data,
                None => Value::Object(object),
            }
        }
        other => other,
    }
}

/// What is wrong, with what went wrong with each task.
fn error_in(value: &Value) -> Option<String> {
    let text = |value: &Value| value.get("error").and_then(Value::as_str).map(str::to_owned);
    let each = value.get("failed").and_then(Value::as_array).into_iter().flatten();
    let each: Vec<String> = each.filter_map(text).collect();
    if each.is_empty() { text(value) } else { Some(each.join("; ")) }
}

fn tail(words: &str) -> &str {
    cut::ending(words, TAIL_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: i32, stdout: &str, stderr: &str) -> Answer {
        Answer {
            argv: vec!["bd".to_owned(), "show".to_owned()],
            cwd: PathBuf::from("/"),
            exit: Exit::Code(code),
            stdout: stdout.as_bytes().to_vec(),
            stderr: stderr.to_owned(),
        }
    }

    #[test]
    fn what_is_wrong_is_found_in_each_of_its_places() {
        for (stdout, stderr, said) in [
            (r#"{"error":"no issues found"}"#, "", "no issues found"),
            ("{\"data\":{\"error\":\"a cycle\"},\"schema_version\":1}", "warning: x\n", "a cycle"),
            ("", "warning: w\n  Fix: f\n{\"error\":\"title required\"}\n", "title required"),
            (
                "",
                "Error updating a: long\n{\"data\":{\"error\":\"1 of 1\",\"failed\":[{\"id\":\"a\",\"error\":\"held\"}]},\"schema_version\":1}",
                "held",
            ),
            ("", "warning: beads.role\n  Fix: git\ncannot close blocked issue", "cannot close blocked issue"),
            ("only this", "", "only this"),
        ] {
            let answer = answer(1, stdout, stderr);
            assert_eq!(answer.words(), said);
            let TrackerError::Command(failure) = answer.data().unwrap_err() else { panic!("{said}") };
            assert_eq!(failure.output_tail, said);
        }
    }

    #[test]
    fn answers_come_out_of_their_envelopes_as_lists() {
        for stdout in [
            r#"[{"id":"a"}]"#,
            r#"{"id":"a"}"#,
            r#"{"id":"a","schema_version":1}"#,
            r#"{"schema_version":1,"data":[{"id":"a"}]}"#,
            "{\"schema_version\":1,\n\"data\":{\"id\":\"a\"}}\n",
            "Notice: something\n{not json\n[{\"id\":\"a\"}]\nand more\n",
        ] {
            assert_eq!(answer(0, stdout, "").items().unwrap(), [serde_json::json!({"id": "a"})], "{stdout}");
        }
        for none in ["null", "[]", r#"{"schema_version":1,"data":null}"#] {
            assert_eq!(answer(0, none, "warning").items().unwrap(), Vec::<Value>::new(), "{none}");
        }
    }

    #[test]
    fn an_answer_that_is_none_is_an_error() {
        for stdout in ["", "  \n", "no beads here", "{\"error\":\"x\"}", "{half"] {
            assert!(answer(0, stdout, "").items().is_err(), "{stdout}");
        }
        let mut bytes = answer(0, "", "");
        bytes.stdout = vec![b'[', 0xff, b']'];
        assert!(bytes.items().is_err());
    }
}
