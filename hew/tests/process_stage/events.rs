//! Agents that print events: what the spawner reads while they run, and in the end.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use hew_core::agent::{FailureClass, RetryAt, SpawnProgress, SpawnReport, StopCause, Usage};
use hew_core::exit::Exit;
use hew_core::plan::{ResumedSession, SpawnPlan};
use hew_core::settings::OutputForm;

use super::process_stage::Stage;

/// What the real programs printed.
fn sample(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../hew-core/tests/samples/agents").join(name)
}

fn plan(stage: &Stage, form: OutputForm, script: &str) -> SpawnPlan {
    let mut plan = stage.plan(script);
    plan.output = form;
    plan.env.insert("HOME".to_owned(), stage.path("home").display().to_string());
    plan
}

fn print_file(name: &str) -> String {
    format!("print-file {}", sample(name).display())
}

fn run(form: OutputForm, script: &str) -> (Stage, SpawnReport) {
    let stage = Stage::new();
    let report = stage.run(&plan(&stage, form, script)).unwrap();
    (stage, report)
}

fn usage(input: u64, output: u64, cache_read: u64, cache_create: u64) -> Usage {
    Usage { input, output, cache_read, cache_create }
}

#[test]
fn a_claude_stream_is_read_whole_and_its_lines_are_the_transcript() {
    let name = "claude/tool-commit-skip-permissions-root-is-sandbox.jsonl";
    let (stage, report) = run(OutputForm::ClaudeStream, &print_file(name));
    let reading = &report.reading;
    assert_eq!((report.exit, reading.ended_well, &reading.failure), (Exit::Code(0), Some(true), &None));
    assert_eq!(reading.usage, usage(3350, 165, 5300, 2900));
    assert_eq!(report.last_line, "Done: hello.txt is committed.");
    assert_eq!(reading.final_text.as_deref(), Some("Done: hello.txt is committed."));
    assert_eq!(reading.model_observed.as_deref(), Some("claude-sonnet-4-5"));
    assert_eq!(reading.tool_calls.len(), 2);
    assert!(reading.cost_usd.is_some_and(|cost| (cost - 0.02499).abs() < 1e-6));
    let printed = fs::read_to_string(sample(name)).unwrap();
    let kept = stage.read("iter/transcript.jsonl");
    assert!(kept.contains(&printed), "{kept}");
    let records = stage.transcript();
    assert_eq!(records[0]["runtime"], "stub");
    let last = records.last().unwrap();
    assert_eq!((&last["exit"]["code"], &last["usage"]["input_tokens"]), (&0.into(), &3350.into()));
    assert_eq!(last["is_error"], false);
}

#[test]
fn exit_code_0_is_no_success_where_the_stream_does_not_say_so() {
    let cut = format!("{} 3", print_file("claude/parallel-tools.jsonl"));
    let (stage, report) = run(OutputForm::ClaudeStream, &cut);
    assert_eq!((report.exit, report.reading.ended_well), (Exit::Code(0), Some(false)));
    assert_eq!(report.reading.failure.as_ref().unwrap().message, "claude ended without a result");
    assert_eq!(report.reading.usage, usage(1200, 0, 300, 150));
    assert_eq!(stage.transcript().last().unwrap()["is_error"], true);
}

#[test]
fn a_failure_has_its_class_and_the_time_that_the_provider_gave() {
    let quota = print_file("claude/oauth-usage-limit.jsonl") + "\nexit 1";
    let failure = run(OutputForm::ClaudeStream, &quota).1.reading.failure.unwrap();
    let RetryAt::At(at) = failure.retry_at.unwrap() else { panic!("{failure:?}") };
    assert_eq!((failure.class, at.timestamp()), (FailureClass::Quota, 1_795_214_038));

    let text = "eprint Error: 429 Too Many Requests, retry after 30\nexit 1";
    let failure = run(OutputForm::Text, text).1.reading.failure.unwrap();
    let after = Some(RetryAt::After(Duration::from_secs(30)));
    assert_eq!((failure.class, failure.retry_at), (FailureClass::RateLimit, after));

    let start = "eprint error: unknown option '--x'\nexit 1";
    for form in [OutputForm::ClaudeStream, OutputForm::CodexJsonl] {
        let failure = run(form, start).1.reading.failure.unwrap();
        assert_eq!(
            (failure.class, failure.message.as_str()),
            (FailureClass::Spawn, "error: unknown option '--x'")
        );
    }
}

#[test]
fn a_program_that_retries_with_a_refused_key_is_stopped_at_once() {
    let script = format!("{} 3\nhang", print_file("claude/401-invalid-key.jsonl"));
    let (_stage, report) = run(OutputForm::ClaudeStream, &script);
    let Some(StopCause::Hopeless(failure)) = &report.stopped else { panic!("{report:?}") };
    assert_eq!(failure.class, FailureClass::Auth);
    assert_eq!(report.reading.failure.as_ref(), Some(failure));
}

#[test]
fn notices_of_retries_are_output_but_no_sign_of_life() {
    let stage = Stage::new();
    let notice =
        r#"{"type":"system","subtype":"api_retry","attempt":1,"error":"overloaded","error_status":529}"#;
    // A line at the beginning, and then nothing but notices, faster than the limit.
    let mut plan = plan(&stage, OutputForm::ClaudeStream, "");
    let script = stage.path("retry.sh");
    fs::write(&script, format!("while :; do printf '%s\\n' '{notice}'; echo failed >&2; sleep 0.9; done"))
        .unwrap();
    plan.argv = vec!["sh".to_owned(), script.display().to_string()];
    plan.limits.stall_timeout = Duration::from_secs(4);
    let report = stage.run(&plan).unwrap();
    assert!(matches!(report.stopped, Some(StopCause::Stalled(_))), "{:?}", report.stopped);
    assert_eq!(report.reading.failure.unwrap().class, FailureClass::Overloaded);
}

#[test]
fn what_codex_used_comes_from_its_session_file_while_it_runs_and_after_a_kill() {
    let stage = Stage::new();
    let thread = "01a1faa6-7c61-7120-b34b-4f4d6d0784af";
    let rollout = format!("home/.codex/sessions/2026/11/20/rollout-2026-11-20T20-29-37-{thread}.jsonl");
    let session = sample("codex/sigint-while-bash-runs.rollout-extract.jsonl");
    let script = format!(
        "{}\ncopy {} {}\nwait-for ${{HERE}}/seen\nexit 1",
        print_file("codex/sigint-while-bash-runs.jsonl"),
        stage.path(&rollout).display(),
        session.display()
    );
    let plan = plan(&stage, OutputForm::CodexJsonl, &script);
    let told = RefCell::new(vec![]);
    let report = stage
        .run_watched(&plan, &|progress| {
            if let SpawnProgress::Used { usage, .. } = progress {
                told.borrow_mut().push(usage);
                fs::write(stage.path("seen"), "").unwrap();
            }
        })
        .unwrap();
    assert_eq!(told.into_inner(), [usage(900, 42, 300, 0)]);
    assert_eq!(report.reading.usage, usage(900, 42, 300, 0));
    assert_eq!(report.reading.session_id.as_deref(), Some(thread));
    assert_eq!(report.reading.session_total, Some(usage(900, 42, 300, 0)));
    let records = stage.transcript();
    assert!(records.iter().any(|record| record["raw"]["type"] == "thread.started"), "{records:?}");
}

#[test]
fn a_session_that_goes_on_is_counted_from_where_it_stood() {
    let stage = Stage::new();
    let mut plan = plan(&stage, OutputForm::CodexJsonl, &print_file("codex/resume.jsonl"));
    let counted = Some(usage(900, 42, 300, 0));
    plan.resumes = Some(ResumedSession { id: "earlier".to_owned(), counted });
    let report = stage.run(&plan).unwrap();
    assert_eq!(report.reading.usage, usage(900, 42, 300, 0));
    assert_eq!(report.reading.session_total, Some(usage(1800, 84, 600, 0)));
}

#[test]
fn where_nobody_knows_what_was_counted_before_the_session_file_is_read_from_where_it_stood() {
    let stage = Stage::new();
    let thread = "01a1faa7-0e68-72b1-85e1-1239ca727f3a";
    let file =
        stage.path(&format!("home/.codex/sessions/2026/11/20/rollout-2026-11-20T20-30-14-{thread}.jsonl"));
    let record = |input: u64| {
        format!(
            r#"{{"type":"token_usage_record","payload":{{"usage":{{"input_tokens":{input},"output_tokens":5}}}}}}"#
        )
    };
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, record(70_000) + "\n").unwrap();
    let script = format!(
        "append {} {}\\n\n{}",
        file.display(),
        record(1200),
        print_file("codex/sigterm-then-resume-2.jsonl")
    );
    let mut plan = plan(&stage, OutputForm::CodexJsonl, &script);
    plan.resumes = Some(ResumedSession { id: thread.to_owned(), counted: None });
    let report = stage.run(&plan).unwrap();
    assert_eq!((report.reading.usage, report.reading.ended_well), (usage(1200, 5, 0, 0), Some(true)));
}

#[test]
fn what_a_killed_claude_used_is_exact_by_its_session_file() {
    let stage = Stage::new();
    let id = "3b8ad1f2-0000-4000-8000-000000000001";
    let project: String = fs::canonicalize(stage.path("work")).unwrap().display().to_string();
    let project: String = project.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let message = |output: u64| {
        format!(
            r#"{{"type":"assistant","session_id":"{id}","message":{{"id":"m1","model":"m","content":[],"usage":{{"input_tokens":1200,"output_tokens":{output},"cache_read_input_tokens":300,"cache_creation_input_tokens":150}}}}}}"#
        )
    };
    let file = stage.path(&format!("home/.claude/projects/{project}/{id}.jsonl"));
    let script = format!("print {}\nwrite {} {}\nkill-self SIGKILL", message(1), file.display(), message(42));
    let report = stage.run(&plan(&stage, OutputForm::ClaudeStream, &script)).unwrap();
    assert_eq!(report.reading.usage, usage(1200, 42, 300, 150));
    assert_eq!(report.exit, Exit::Signal(9));
}

#[test]
fn a_flood_of_events_keeps_its_beginning_and_its_end_and_one_line_of_any_length_is_read() {
    let stage = Stage::new();
    let result = r#"{"type":"result","is_error":false,"result":"end","modelUsage":{"m":{"inputTokens":7}}}"#;
    let blob = r#"print-raw {"type":"user","message":{"content":[{"type":"tool_result","content":""#;
    let script = format!(
        "print-lines 3000 {{\"type\":\"assistant\",\"message\":{{\"content\":[{{\"type\":\"text\",\"text\":\"word\"}}]}}}}\n{blob}\nprint-blob-mb 20\nprint \"}}]}}}}\nprint {result}"
    );
    let mut plan = plan(&stage, OutputForm::ClaudeStream, &script);
    plan.limits.transcript_max_bytes = 64 << 10;
    let report = stage.run(&plan).unwrap();
    assert_eq!((report.reading.ended_well, report.reading.usage), (Some(true), usage(7, 0, 0, 0)));
    assert!(stage.read("iter/transcript.jsonl").len() < 100 << 10);
    let records = stage.transcript();
    assert_eq!(records.iter().filter(|record| record["subtype"] == "left_out").count(), 1);
    assert_eq!(records[records.len() - 2]["result"], "end");
}
