//! What something durable rests on is on disk before it: told by the kernel, which knows what was asked of it in which
//! order.

use std::collections::BTreeMap;
use std::fs;

use hew_testkit::loop_stage::{LoopStage, Running};
use hew_testkit::tool;

/// Calls of all processes of a run, in order, as strace writes them.
fn traced(stage: &LoopStage, args: &[&str]) -> Option<String> {
    let strace = tool::strace()?;
    let log = stage.path("trace");
    let calls = "trace=write,fsync,fdatasync,rename,renameat,renameat2,execve";
    let mut command = stage.repo.command(strace);
    command.args(["-f", "-qq", "-y", "-s", "100000", "-e", calls, "-o"]).arg(&log);
    command.arg(stage.repo.hew(&[]).get_program()).args(args);
    let ran = Running::spawn(command).end();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    Some(String::from_utf8_lossy(&fs::read(log).expect("strace wrote it")).into_owned())
}

/// The journal while a trace is read.
#[derive(Default)]
struct Journal {
    /// Kinds of its records, as they were written.
    written: Vec<String>,
    /// How many of them are on disk.
    synced: usize,
    /// By process: how many there were when it asked for the disk.
    asked: BTreeMap<String, usize>,
}

impl Journal {
    /// Takes in a line of the trace.
    fn read(&mut self, process: &str, call: &str) {
        let is_sync = call.starts_with("fdatasync(") || call.starts_with("fsync(");
        if call.starts_with("write(") && call.contains("/events.jsonl>") {
            let kinds = call.split("\\\"kind\\\":\\\"").skip(1);
            self.written
                .extend(kinds.filter_map(|rest| rest.split_once('\\')).map(|(kind, _)| kind.to_owned()));
        } else if is_sync && call.contains("/events.jsonl>") {
            self.asked.insert(process.to_owned(), self.written.len());
        }
        let is_over = call.ends_with("= 0") && (is_sync || call.starts_with("<... f"));
        // A call that lines of other processes cut in two is over at its second half only.
        if is_over && let Some(count) = self.asked.remove(process) {
            self.synced = self.synced.max(count);
        }
    }

    /// The latest record of this kind is on disk.
    fn assert_synced(&self, kind: &str, what: &str) {
        let at = self.written.iter().rposition(|written| written == kind);
        let at = at.unwrap_or_else(|| panic!("{what} before `{kind}` was written: {:?}", self.written));
        assert!(
            at < self.synced,
            "{what}, and `{kind}` is not on disk: {:?} of {:?}",
            self.synced,
            self.written
        );
    }
}

#[test]
fn records_are_on_disk_before_an_agent_runs_and_before_the_run_branch_moves() {
    let stage = LoopStage::new();
    stage.task("One", "write one.txt 1\ncommit One\ndone");
    stage.task("Two", "write two.txt 2\ncommit Two\ndone");
    let Some(trace) = traced(&stage, &["loop", "run", "--scope", "ready", "--gate", "true"]) else { return };
    let (mut journal, mut agents, mut moves) = (Journal::default(), 0, 0);
    for line in trace.lines() {
        let Some((process, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        journal.read(process, call);
        if call.starts_with("execve(") && call.contains("/hew-stub-agent\"") {
            journal.assert_synced("plan", "an agent runs");
            agents += 1;
        } else if call.starts_with("rename") && call.contains("/main.lock\"") && call.contains("heads/loop/")
        {
            // It is made before there is a run.
            if moves > 0 {
                journal.assert_synced("gated", "the run branch moves");
            }
            moves += 1;
        }
    }
    assert!(agents >= 2, "{agents} agents");
    assert_eq!(moves, 3, "the run branch is made, and moves twice");
    let last = journal.written.len();
    assert_eq!((journal.synced, journal.written.last().map(String::as_str)), (last, Some("run_ended")));
}
