//! Every captured run of claude and codex, read as the spawner reads it, against a table that was checked by hand.
//!
//! `samples/agents/<client>/<scenario>` holds what the real programs printed when a server on loopback answered them:
//! `.jsonl` standard output, `.stderr`, `.meta.json` (the command, how it ended, what the server was told to answer) and
//! for codex `.rollout-extract.jsonl`, its session file. `expected.txt` has one line for each.

#![expect(clippy::unwrap_used, reason = "a sample that can't be read fails the test")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use hew_core::agent::{AgentReading, RetryAt, RuntimeFailure, StreamEnd, StreamReader, Usage, hints};
use hew_core::exit::Exit;
use hew_core::plan::ResumedSession;
use hew_core::settings::OutputForm;
use proptest::prelude::*;
use serde_json::Value;

/// A run that was captured.
struct Sample {
    client: String,
    scenario: String,
    stdout: Vec<u8>,
    stderr: String,
    session: Vec<u8>,
    meta: Value,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/agents")
}

#[expect(clippy::disallowed_methods, reason = "the samples are what is tested")]
fn read(path: &Path) -> Option<Vec<u8>> {
    fs::read(path).ok()
}

fn names(client: &str) -> Vec<String> {
    let entries = fs::read_dir(folder().join(client)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut found: Vec<String> =
        names.filter_map(|name| name.strip_suffix(".meta.json").map(str::to_owned)).collect();
    found.sort();
    found
}

impl Sample {
    fn load(client: &str, scenario: &str) -> Self {
        let file = |end: &str| read(&folder().join(client).join(format!("{scenario}.{end}")));
        Self {
            client: client.to_owned(),
            scenario: scenario.to_owned(),
            stdout: file("jsonl").unwrap_or_default(),
            stderr: String::from_utf8(file("stderr").unwrap_or_default()).unwrap(),
            session: file("rollout-extract.jsonl").unwrap_or_default(),
            meta: serde_json::from_slice(&file("meta.json").unwrap()).unwrap(),
        }
    }

    fn all() -> Vec<Self> {
        let clients = ["claude", "claude-2.1.197", "codex"];
        clients
            .iter()
            .flat_map(|client| names(client).into_iter().map(|name| Self::load(client, &name)))
            .collect()
    }

    fn has_arg(&self, word: &str) -> bool {
        self.meta["argv"].as_array().unwrap().iter().any(|arg| arg.as_str() == Some(word))
    }

    /// The form that its command asks for.
    fn form(&self) -> OutputForm {
        let structured = if self.client == "codex" {
            self.has_arg("--json")
        } else {
            self.has_arg("stream-json") || self.has_arg("json")
        };
        match (structured, self.client.as_str()) {
            (false, _) => OutputForm::Text,
            (true, "codex") => OutputForm::CodexJsonl,
            (true, _) => OutputForm::ClaudeStream,
        }
    }

    fn exit(&self) -> Exit {
        let code = i32::try_from(self.meta["exit_code"].as_i64().unwrap()).unwrap();
        if code < 0 { Exit::Signal(-code) } else { Exit::Code(code) }
    }

    /// The thread that it goes on with, and what codex had counted in it: the earlier answers were all alike.
    fn resumes(&self) -> Option<ResumedSession> {
        let earlier = match self.scenario.as_str() {
            "resume" | "resume-default-sandbox" => 1,
            "resume-stdin" => 2,
            "resume-other-cwd" => 4,
            "exec-fork" => 6,
            _ => return None,
        };
        let counted =
            Usage { input: 900 * earlier, output: 42 * earlier, cache_read: 300 * earlier, cache_create: 0 };
        (self.client == "codex").then(|| ResumedSession { id: "before".to_owned(), counted: Some(counted) })
    }

    /// What was written to the session file while this run ran; one extract goes on with a second run.
    fn session_of_run(&self) -> &[u8] {
        let second = |text: &[u8]| {
            let mut marks = memchr::memmem::find_iter(text, b"\"task_started\"");
            let start = marks.nth(1)?;
            text[..start].iter().rposition(|byte| *byte == b'\n')
        };
        &self.session[..second(&self.session).unwrap_or(self.session.len())]
    }

    fn read_in(&self, pieces: &[&[u8]]) -> (AgentReading, Vec<String>) {
        let tail: String =
            self.stderr.chars().rev().take(4096).collect::<Vec<_>>().into_iter().rev().collect();
        let Some(mut reader) = StreamReader::new(self.form(), self.resumes().as_ref()) else {
            let failure = hints::failure_in_text(self.exit(), &String::from_utf8_lossy(&self.stdout), &tail);
            return (AgentReading { failure, ..AgentReading::default() }, Vec::new());
        };
        let mut records = Vec::new();
        for piece in pieces {
            reader.feed(piece, &mut |record| records.push(record.to_owned()));
        }
        reader.finish_lines(&mut |record| records.push(record.to_owned()));
        reader.feed_session(self.session_of_run());
        (reader.finish(&StreamEnd::new(self.exit(), None, &tail)).0, records)
    }

    fn reading(&self) -> AgentReading {
        self.read_in(&[&self.stdout]).0
    }
}

fn line_of(sample: &Sample, reading: &AgentReading) -> String {
    let mut line = format!("{}/{}", sample.client, sample.scenario);
    let Usage { input, output, cache_read, cache_create } = reading.usage;
    let well = match reading.ended_well {
        Some(true) => "well",
        Some(false) => "bad",
        None => "says-nothing",
    };
    let _ = write!(line, " | {well} | {input} {output} {cache_read} {cache_create}");
    let cost = reading.cost_usd.map_or("-".to_owned(), |cost| format!("{cost:.6}"));
    let failed = reading.tool_calls.iter().filter(|call| call.failed).count();
    let model = reading.model_observed.as_deref().unwrap_or("-");
    let _ = write!(line, " | {cost} | {model} | {} tools, {failed} failed", reading.tool_calls.len());
    let words: String =
        reading.final_text.as_deref().unwrap_or("-").split_whitespace().collect::<Vec<_>>().join(" ");
    let _ = write!(line, " | {}", words.chars().take(40).collect::<String>());
    line + &failure_words(reading.failure.as_ref())
}

fn failure_words(failure: Option<&RuntimeFailure>) -> String {
    let Some(RuntimeFailure { class, message, retry_at, .. }) = failure else { return String::new() };
    let class = serde_json::to_value(class).unwrap();
    let retry = match retry_at {
        None => String::new(),
        Some(RetryAt::After(wait)) => format!(" after {:.1}s", wait.as_secs_f64()),
        Some(RetryAt::At(at)) => format!(" at {}", at.timestamp()),
    };
    let words: String = message.chars().take(60).collect();
    format!(" | {}{retry}: {words}", class.as_str().unwrap())
}

#[test]
fn every_captured_run_is_read_as_the_table_says() {
    let found: String =
        Sample::all().iter().map(|sample| line_of(sample, &sample.reading()) + "\n").collect();
    let path = folder().join("expected.txt");
    #[expect(clippy::disallowed_methods, reason = "the table is made anew where that is asked for")]
    if std::env::var_os("HEW_BLESS").is_some() {
        fs::write(&path, &found).unwrap();
    }
    let expected = String::from_utf8(read(&path).unwrap()).unwrap();
    let wrong: Vec<_> =
        found.lines().zip(expected.lines()).filter(|(found, expected)| found != expected).collect();
    assert!(wrong.is_empty(), "(found, expected): {wrong:#?}");
    assert_eq!(found.lines().count(), expected.lines().count());
}

/// What the server was told to report for all answers of a run; none where it was told to fail on the way.
fn told(sample: &Sample) -> Option<Usage> {
    let steps = sample.meta["steps"].as_array()?;
    let harmless = ["text", "tools", "usage", "stop_reason"];
    let is_harmless =
        |step: &Value| step.as_object().unwrap().keys().all(|key| harmless.contains(&key.as_str()));
    let told = |step: &Value| {
        let count = |key: &str, usual: u64| step["usage"][key].as_u64().unwrap_or(usual);
        let (input, output, cache_read) = (count("in", 1200), count("out", 42), count("cached", 300));
        if sample.client == "codex" {
            Usage { input: input - cache_read, output, cache_read, cache_create: 0 }
        } else {
            Usage { input, output, cache_read, cache_create: count("cache_creation", 150) }
        }
    };
    let sum = |mut all: Usage, step: &Value| {
        all += told(step);
        all
    };
    (!steps.is_empty() && steps.iter().all(is_harmless)).then(|| steps.iter().fold(Usage::default(), sum))
}

#[test]
fn what_is_read_as_used_is_what_the_server_reported() {
    // The first is asked a second time without an answer, the second wakes up for its background shell.
    let asked_more = ["empty-answer", "background-bash-ceiling-env-5s"];
    let mut seen = 0;
    for sample in Sample::all() {
        let reading = sample.reading();
        let Some(told) = told(&sample).filter(|_| reading.ended_well == Some(true)) else { continue };
        if !(sample.client.starts_with("claude") && asked_more.contains(&sample.scenario.as_str())) {
            assert_eq!(reading.usage, told, "{}/{}", sample.client, sample.scenario);
            seen += 1;
        }
    }
    assert!(seen > 80, "{seen}");
}

#[test]
fn a_stream_cut_anywhere_is_read_as_far_as_it_goes() {
    for (client, scenario) in [("claude", "parallel-tools"), ("codex", "tool-commit-bypass")] {
        let mut sample = Sample::load(client, scenario);
        let whole = sample.reading();
        let all = std::mem::take(&mut sample.stdout);
        sample.session.clear();
        // Where the last line ends.
        let end = all.trim_ascii_end().len();
        for cut in 0..all.len() {
            let (reading, _) = sample.read_in(&[&all[..cut]]);
            let is_whole = cut >= end;
            assert_eq!(reading.ended_well == Some(true), is_whole, "{client} {cut}");
            assert!(reading.usage.total() <= whole.usage.total(), "{client} {cut}: {:?}", reading.usage);
            assert!(whole.tool_calls.starts_with(&reading.tool_calls), "{client} {cut}");
            assert_eq!(reading.failure.is_some(), !is_whole, "{client} {cut}");
        }
    }
}

#[test]
fn a_retry_notice_is_no_sign_of_life_and_a_refused_key_is_hopeless() {
    let fed = |client: &str, scenario: &str| {
        let sample = Sample::load(client, scenario);
        let mut reader = StreamReader::new(sample.form(), None).unwrap();
        let lives: Vec<bool> = sample
            .stdout
            .split_inclusive(|byte| *byte == b'\n')
            .map(|line| reader.feed(line, &mut |_| {}))
            .collect();
        (lives, reader.hopeless().map(|failure| failure.message.clone()))
    };
    let (lives, hopeless) = fed("claude", "500-forever");
    assert_eq!(lives.iter().filter(|life| !**life).count(), 10);
    assert_eq!(hopeless, None);
    assert_eq!(fed("codex", "500-forever").0.iter().filter(|life| !**life).count(), 5);
    assert_eq!(
        fed("claude", "401-invalid-key").1.as_deref(),
        Some("the provider refuses the key (status 401)")
    );
    // A login gives up by itself, and may get a new token first.
    assert_eq!(fed("claude", "oauth-401").1, None);
}

#[test]
fn every_line_has_one_record_in_the_common_form() {
    for sample in Sample::all().iter().filter(|sample| sample.form() != OutputForm::Text) {
        let (_, records) = sample.read_in(&[&sample.stdout]);
        let lines: Vec<&[u8]> =
            sample.stdout.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect();
        assert_eq!(records.len(), lines.len(), "{}/{}", sample.client, sample.scenario);
        for (record, line) in records.iter().zip(lines) {
            let (record, line): (Value, Value) =
                (serde_json::from_str(record).unwrap(), serde_json::from_slice(line).unwrap());
            if sample.client == "codex" {
                assert_eq!(record["raw"], line);
                let kind = record["type"].as_str().unwrap();
                assert!(["system", "assistant", "user", "result"].contains(&kind), "{record}");
            } else {
                assert_eq!(record, line);
            }
        }
    }
}

#[test]
fn a_line_of_blanks_is_no_record_and_blanks_of_no_json_make_no_event() {
    for form in [OutputForm::ClaudeStream, OutputForm::CodexJsonl] {
        let mut reader = StreamReader::new(form, None).unwrap();
        let mut records = Vec::new();
        let lines =
            "\n \t\r\n\u{b}\n\u{a0}\n\u{2003}\u{2003}\n {\"type\":\"user\"}\r\n{\"type\":\"user\"}\u{c}\n";
        reader.feed(lines.as_bytes(), &mut |record| records.push(record.to_owned()));
        let kinds: Vec<Value> = records
            .iter()
            .map(|record| serde_json::from_str::<Value>(record).unwrap()["type"].clone())
            .collect();
        assert_eq!(records.len(), 2, "{records:?}");
        assert_eq!(kinds[1], "system", "what is no event is kept as what it is: {records:?}");
        if form == OutputForm::ClaudeStream {
            assert_eq!(records[0], r#"{"type":"user"}"#);
        }
    }
}

/// Bytes that look like a stream's, more or less.
fn odd_stream() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        r#"{"type":"result","is_error":false,"modelUsage":"#,
        r#"{"type":"assistant","message":{"id":"a","usage":"#,
        r#"{"m":{"inputTokens":-5,"costUSD":1e308}}}"#,
        r#"{"input_tokens":18446744073709551615}}}"#,
        "null}",
        "[",
        "]",
        r#"{"type":"turn.completed","usage":{"input_tokens":1,"cached_input_tokens":9}}"#,
        r#"{"type":5}"#,
        "{\"",
        "\n",
        r#"{"type":"error","message":"Reconnecting... 1/5 (x)"}"#,
        r#"{"type":"item.completed","item":{"type":"agent_message"}}"#,
        r#"{"type":"system","subtype":"api_retry","retry_delay_ms":1e300,"attempt":4000000000,"error_status":-1}"#,
    ];
    let word = prop::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec());
    let piece = prop_oneof![3 => word, 1 => prop::collection::vec(any::<u8>(), 0..20)];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_cut_into_pieces_gives_the_same_reading(place in any::<prop::sample::Index>(), sizes in prop::collection::vec(1_usize..3000, 1..60)) {
        let (client, scenario) =
            *place.get(&[("claude", "subagent"), ("claude", "401-invalid-key"), ("codex", "tool-fails"), ("claude-2.1.197", "background-bash")]);
        let sample = Sample::load(client, scenario);
        let mut pieces: Vec<&[u8]> = Vec::new();
        let mut rest = &sample.stdout[..];
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, more) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = more;
        }
        prop_assert_eq!(sample.read_in(&pieces), sample.read_in(&[&sample.stdout]));
    }

    #[test]
    fn no_bytes_are_fatal(bytes in odd_stream(), session in odd_stream()) {
        for form in [OutputForm::ClaudeStream, OutputForm::CodexJsonl] {
            let mut reader = StreamReader::new(form, None).unwrap();
            reader.feed(&bytes, &mut |record| { serde_json::from_str::<Value>(record).unwrap(); });
            reader.feed_session(&session);
            reader.finish(&StreamEnd::new(Exit::Code(0), None, ""));
        }
    }
}

#[test]
fn what_no_capture_shows_is_read_by_the_same_rules() {
    let (claude, codex) = (OutputForm::ClaudeStream, OutputForm::CodexJsonl);
    let init = r#"{"type":"system","subtype":"init"}"#;
    let result = |rest: &str| {
        format!(r#"{{"type":"result","is_error":false,"modelUsage":{{"m":{{"inputTokens":5,{rest}}}}}}}"#)
    };
    let failed = |message: &str| format!(r#"{{"type":"turn.failed","error":{{"message":"{message}"}}}}"#);
    let cases = [
        ("a limit with a time", codex, vec![failed("rate limit exceeded: Please try again in 20s.")], 0, "rate_limit after 20.0s"),
        ("no key", codex, vec![failed("Missing environment variable: `KEY`.")], 0, "auth"),
        ("a server that fails", codex, vec![failed("unexpected status 502 Bad Gateway: x")], 0, "server"),
        ("words of a day to come", codex, vec![failed("the moon is full")], 0, "unknown"),
        (
            "an answer after a notice",
            codex,
            vec![
                r#"{"type":"error","message":"Reconnecting... 1/5 (exceeded retry limit, last status: 429)"}"#.to_owned(),
                r#"{"type":"item.completed","item":{"type":"agent_message","text":"x"}}"#.to_owned(),
            ],
            0,
            "unknown",
        ),
        ("an empty purse", claude, vec![r#"{"type":"assistant","error":"billing_error","message":{}}"#.to_owned(), r#"{"type":"result","is_error":true,"api_error_status":400}"#.to_owned()], 0, "quota"),
        ("an error without a word", claude, vec![r#"{"type":"result"}"#.to_owned()], 0, "unknown"),
        ("a price below nothing", claude, vec![result(r#""costUSD":-1"#)], 5, "well -"),
        ("a price that is no number", claude, vec![result(r#""costUSD":"much""#)], 5, "well -"),
        ("an old client's two turns", claude, vec![result(r#""costUSD":1"#), result(r#""costUSD":2"#)], 5, "well 2"),
        ("a second turn without an end", claude, vec![init.to_owned(), result(r#""costUSD":1"#), init.to_owned()], 5, "unknown"),
        ("an event after the end", claude, vec![result(r#""costUSD":1"#), r#"{"type":"system","subtype":"task_updated"}"#.to_owned()], 5, "well 1"),
    ];
    for (name, form, lines, input, expected) in cases {
        let mut reader = StreamReader::new(form, None).unwrap();
        reader.feed((lines.join("\n") + "\n").as_bytes(), &mut |_| {});
        let (reading, _) = reader.finish(&StreamEnd::new(Exit::Code(0), None, ""));
        let found = match &reading.failure {
            Some(failure) => {
                failure_words(Some(failure)).trim_start_matches(" | ").split(": ").next().unwrap().to_owned()
            }
            None => format!("well {}", reading.cost_usd.map_or("-".to_owned(), |cost| cost.to_string())),
        };
        assert_eq!((found.as_str(), reading.usage.input), (expected, input), "{name}");
    }
}

#[test]
fn the_agents_own_words_are_found_in_what_it_says_and_nowhere_else() {
    let said = |text: &str, parent: &str| {
        format!(
            r#"{{"type":"assistant","parent_tool_use_id":{parent},"message":{{"id":"1","model":"m","content":[{{"type":"text","text":"{text}"}}]}}}}"#
        )
    };
    let lines = [
        said("DECISION: a map\\nsome text\\n## Summary\\nAll done.", "null"),
        said("DECISION: a subagent's", "\"t1\""),
        r#"{"type":"user","message":{"content":[{"type":"tool_result","content":"DECISION: a tool's"}]}}"#
            .to_owned(),
        r#"{"type":"result","is_error":false,"result":"DEFERRED: none"}"#.to_owned(),
    ];
    let mut reader = StreamReader::new(OutputForm::ClaudeStream, None).unwrap();
    reader.feed((lines.join("\n") + "\n").as_bytes(), &mut |_| {});
    let (_, findings) = reader.finish(&StreamEnd::new(Exit::Code(0), None, ""));
    assert_eq!((findings.decisions, findings.deferred), (vec!["a map".to_owned()], Vec::new()));
    assert_eq!(findings.summary.as_deref(), Some("All done."));
    assert_eq!(findings.last_line, "All done.");
}

#[test]
fn a_wait_that_was_of_use_says_nothing_of_a_later_failure() {
    let notice =
        r#"{"type":"system","subtype":"api_retry","attempt":1,"error_status":429,"retry_delay_ms":60000}"#;
    let answer = r#"{"type":"assistant","message":{"id":"m","content":[]}}"#;
    let refused = r#"{"type":"assistant","error":"rate_limit","message":{"model":"<synthetic>"}}"#;
    let result = r#"{"type":"result","is_error":true,"api_error_status":429}"#;
    let asked = Some(RetryAt::After(std::time::Duration::from_secs(60)));
    for (lines, expected) in [
        (&[notice, refused, result][..], asked),
        (&[notice, answer, refused, result], None),
        (&[notice, r#"{"type":"system","subtype":"init"}"#, refused, result], None),
    ] {
        let mut reader = StreamReader::new(OutputForm::ClaudeStream, None).unwrap();
        reader.feed((lines.join("\n") + "\n").as_bytes(), &mut |_| {});
        let (reading, _) = reader.finish(&StreamEnd::new(Exit::Code(1), None, ""));
        assert_eq!(reading.failure.unwrap().retry_at, expected, "{lines:?}");
    }
}

#[test]
fn pieces_of_a_text_are_read_once_whole_or_as_far_as_they_came() {
    let piece = |text: &str| {
        format!(
            r#"{{"type":"assistant","delta":true,"message":{{"id":"1","content":[{{"type":"text","text":"{text}"}}]}}}}"#
        )
    };
    let whole = r#"{"type":"assistant","consolidated":true,"message":{"id":"1","model":"m","content":[{"type":"text","text":"DECISION: a map\nDone."}],"usage":{"input_tokens":7,"output_tokens":5}}}"#;
    let read = |lines: &[String]| {
        let mut reader = StreamReader::new(OutputForm::ClaudeStream, None).unwrap();
        reader.feed((lines.join("\n") + "\n").as_bytes(), &mut |_| {});
        reader.finish(&StreamEnd::new(Exit::Signal(9), None, ""))
    };
    let pieces = [piece("DECISION: a"), piece(" map\\nDo"), piece("ne.")];
    let (reading, findings) = read(&[&pieces[..], &[whole.to_owned()]].concat());
    assert_eq!(findings.decisions, ["a map"]);
    assert_eq!(reading.final_text.as_deref(), Some("DECISION: a map\nDone."));
    let used = Usage { input: 7, output: 5, ..Usage::default() };
    assert_eq!(reading.usage, used, "its counts are those of the whole message");
    let (reading, findings) = read(&pieces);
    assert_eq!((findings.decisions, findings.last_line), (vec!["a map".to_owned()], "Done.".to_owned()));
    assert_eq!(reading.final_text.as_deref(), Some("DECISION: a map\nDone."));
}
