//! Agents and gates as real processes, through the real shim: how they end, what is kept, and that nothing is left.
#![expect(clippy::unwrap_used, reason = "a test that can not set its stage has failed")]

#[path = "process_stage/events.rs"]
mod events;
mod process_stage;

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hew::adapters::gate::ProcessGate;
use hew::adapters::proc_tree;
use hew::adapters::process::{Launch, Supervised};
use hew::adapters::spawner::ProcessSpawner;
use hew_core::agent::{SignalWord, SpawnError, SpawnProgress, Spawner, StopCause, StopRequest};
use hew_core::exit::Exit;
use hew_core::land::gate::{GateJob, GateRunner, GateStop};
use hew_core::plan::{AgentStdin, Network, PoliteSignal, Sandbox, SpawnLimits, SpawnPlan};
use hew_core::settings::secret::SecretValues;
use hew_testkit::contract;
use hew_testkit::contract::gate::{GateBench, GateDeed};
use hew_testkit::contract::spawner::{AgentDeed, SpawnerBench};
use hew_testkit::fake_gate::{FakeGate, FakeGateRun};
use hew_testkit::fake_spawner::{FakeRun, FakeSpawner};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use process_stage::{HEW, LONG, Stage, wait_for, wait_until};
use serde_json::Value;

#[test]
fn an_agent_gets_exactly_what_its_plan_says_in_a_session_of_its_own() {
    let stage = Stage::new();
    fs::write(stage.path("prompt"), "the prompt\n").unwrap();
    let mut plan = stage.plan("record ${HERE}/record.json\nprint hello\neprint careful");
    plan.stdin = AgentStdin::File(stage.path("prompt"));
    plan.argv.extend([stage.path("script").to_str().unwrap().to_owned(), "a b\n$(c) 'd'".to_owned()]);
    let started = RefCell::new(vec![]);
    let report = stage.run_watched(&plan, &|progress| started.borrow_mut().push(progress)).unwrap();
    let record: Value = serde_json::from_str(&stage.read("record.json")).unwrap();
    assert_eq!(record["argv"], serde_json::json!(plan.argv));
    assert_eq!(record["env"], serde_json::json!(plan.env));
    assert_eq!(record["cwd"], plan.cwd.to_str().unwrap());
    assert_eq!(record["stdin"], "the prompt\n");
    assert_eq!((&record["pid"], &record["pid"]), (&record["sid"], &record["pgid"]));
    let started = started.into_inner();
    let [SpawnProgress::Started { pid, start_ticks }, ..] = started[..] else { panic!("{started:?}") };
    assert_eq!(record["pid"], pid);
    assert!(start_ticks > 0);
    assert_eq!((report.exit, report.leaked, report.stopped), (Exit::Code(0), 0, None));
    assert_eq!((report.last_line.as_str(), report.output_bytes), ("hello", 14));
    assert_eq!((report.stdout_tail.as_str(), report.stderr_tail.as_str()), ("hello\n", "careful\n"));
    assert_eq!(stage.read("iter/stderr.log"), "careful\n");
}

#[test]
fn the_transcript_is_the_common_envelope() {
    let stage = Stage::new();
    stage.run(&stage.plan("print one\nprint\nprint-raw bad \\xff\\x00 end\nexit 3")).unwrap();
    let transcript = stage.transcript();
    assert_eq!((&transcript[0]["type"], &transcript[0]["runtime"]), (&"system".into(), &"stub".into()));
    assert_eq!(stage.texts(), ["one", "", "bad \u{fffd}\0 end"]);
    let last = transcript.last().unwrap();
    assert_eq!((&last["type"], &last["is_error"]), (&"result".into(), &true.into()));
    assert_eq!(last["exit"], serde_json::json!({"code": 3}));
    let mode = fs::metadata(stage.path("iter/transcript.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn exits_are_told_apart() {
    let cases = [
        ("exit 0", Exit::Code(0)),
        ("exit 255", Exit::Code(255)),
        ("kill-self SIGKILL", Exit::Signal(9)),
        ("kill-self SIGTERM", Exit::Signal(15)),
        ("kill-self SIGABRT", Exit::Signal(6)),
    ];
    for (script, expected) in cases {
        let stage = Stage::new();
        let report = stage.run(&stage.plan(script)).unwrap();
        assert_eq!((report.exit, report.stopped), (expected, None), "{script}");
    }
}

#[test]
fn a_real_time_signal_is_named_too() {
    let stage = Stage::new();
    let report = stage.run(&stage.plan_for(&["sh", "-c", "kill -40 $$"])).unwrap();
    assert_eq!(report.exit, Exit::Signal(40));
}

#[test]
fn a_program_that_can_not_run_is_named_before_anything_else() {
    let stage = Stage::new();
    let file = |name: &str, text: &str, mode| {
        fs::write(stage.path(name), text).unwrap();
        fs::set_permissions(stage.path(name), fs::Permissions::from_mode(mode)).unwrap();
        stage.path(name).to_str().unwrap().to_owned()
    };
    let missing = stage.run(&stage.plan_for(&["hew-no-such-program"])).unwrap_err();
    assert_eq!(missing, SpawnError::Missing { program: "hew-no-such-program".to_owned() });
    let words_only = file("plain", "x", 0o644);
    let no_interpreter = file("no-interpreter", "#!/no/such/program\n", 0o755);
    let folder = stage.path("work").to_str().unwrap().to_owned();
    for (program, words) in [(words_only, "not executable"), (no_interpreter, "interpreter")] {
        match stage.run(&stage.plan_for(&[&program])).unwrap_err() {
            SpawnError::Failed { reason, .. } => assert!(reason.contains(words), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(stage.run(&stage.plan_for(&[&folder])), Err(SpawnError::Missing { .. })));
    let mut plan = stage.plan("exit 0");
    plan.cwd = stage.path("gone");
    let Err(SpawnError::Failed { reason, .. }) = stage.run(&plan) else { panic!("ran without a folder") };
    assert!(reason.contains("there is no folder"), "{reason}");
}

#[test]
fn a_daemon_that_holds_the_output_is_ended_and_counted() {
    let stage = Stage::new();
    let mut plan = stage.plan("daemon\nchild\nprint closed task\nexit 0");
    plan.limits.kill_grace = Duration::from_millis(100);
    let report = stage.run(&plan).unwrap();
    assert_eq!((report.exit, report.leaked, report.stopped), (Exit::Code(0), 2, None));
    assert_eq!(report.last_line, "closed task");
}

#[test]
fn a_polite_stop_lets_the_program_end_and_names_the_cause() {
    let stage = Stage::new();
    let plan = stage.plan("touch ${HERE}/ready\nhang");
    let report = stage.run_and_stop(&plan, &[StopRequest::Graceful]);
    assert_eq!((report.exit, report.stopped), (Exit::Signal(15), Some(StopCause::Requested)));
}

/// A plan whose program is interrupted first.
fn interrupted_first(stage: &Stage, script: &str) -> SpawnPlan {
    SpawnPlan { polite_signal: PoliteSignal::Interrupt, ..stage.plan(script) }
}

#[test]
fn a_program_that_is_interrupted_ends_as_it_likes_and_its_kin_with_it() {
    let stage = Stage::new();
    let plan = interrupted_first(&stage, "child\ndaemon\non-int ${HERE}/came\ntouch ${HERE}/ready\nhang");
    let plan =
        SpawnPlan { limits: SpawnLimits { kill_grace: Duration::from_millis(50), ..plan.limits }, ..plan };
    let report = stage.run_and_stop(&plan, &[StopRequest::Graceful]);
    assert!(stage.path("came").exists(), "INT came, and nothing before it");
    assert_eq!((report.exit, report.stopped), (Exit::Code(0), Some(StopCause::Requested)));
    assert_eq!(report.leaked, 2, "INT is for the program alone");
}

#[test]
fn a_program_that_ignores_int_gets_term_and_one_that_is_stopped_at_once_gets_neither() {
    let stage = Stage::new();
    let plan = interrupted_first(&stage, "ignore-int\ntouch ${HERE}/ready\nhang");
    let report = stage.run_and_stop(&plan, &[StopRequest::Graceful]);
    assert_eq!((report.exit, report.stopped), (Exit::Signal(15), Some(StopCause::Requested)));
    let stage = Stage::new();
    let plan = interrupted_first(&stage, "ignore-int\ntouch ${HERE}/ready\nhang");
    let report = stage.run_and_stop(&plan, &[StopRequest::Graceful, StopRequest::Now]);
    assert_eq!(report.exit, Exit::Signal(9));
}

#[test]
fn a_program_that_ignores_term_is_killed_after_the_grace_with_all_its_kin() {
    let stage = Stage::new();
    let mut plan = stage.plan("ignore-term\ndaemon\nchild\ntouch ${HERE}/ready\nhang");
    plan.limits.kill_grace = Duration::from_millis(50);
    let report = stage.run_and_stop(&plan, &[StopRequest::Graceful]);
    assert_eq!((report.exit, report.stopped), (Exit::Signal(9), Some(StopCause::Requested)));
}

#[test]
fn a_stop_at_once_replaces_a_polite_one() {
    let stage = Stage::new();
    let plan = stage.plan("ignore-term\ntouch ${HERE}/ready\nhang");
    let report = stage.run_and_stop(&plan, &[StopRequest::Graceful, StopRequest::Now]);
    assert_eq!((report.exit, report.stopped), (Exit::Signal(9), Some(StopCause::Requested)));
}

#[test]
fn a_stopped_program_can_be_ended_politely() {
    let stage = Stage::new();
    let plan = stage.plan("touch ${HERE}/ready\nstop-self\nhang");
    let report = stage.run_and_stop(&plan, &[StopRequest::Graceful]);
    assert_eq!(report.exit, Exit::Signal(15));
}

#[test]
fn a_timeout_and_a_stall_are_told_apart() {
    let stage = Stage::new();
    let mut plan = stage.plan("print alive\nhang");
    plan.limits.timeout = Duration::from_millis(50);
    assert_eq!(stage.run(&plan).unwrap().stopped, Some(StopCause::Timeout));
    plan.limits.timeout = LONG;
    plan.limits.stall_timeout = Duration::from_millis(200);
    let Some(StopCause::Stalled(evidence)) = stage.run(&plan).unwrap().stopped else { panic!("no stall") };
    assert!(evidence.starts_with("no output for ") && evidence.contains("of CPU time"), "{evidence}");
}

#[test]
fn a_program_that_uses_the_processor_is_alive_although_silent() {
    let stage = Stage::new();
    let mut plan = stage.plan("burn");
    // Long enough to be given a turn on a loaded machine.
    plan.limits.stall_timeout = Duration::from_secs(1);
    plan.limits.timeout = Duration::from_secs(4);
    assert_eq!(stage.run(&plan).unwrap().stopped, Some(StopCause::Timeout));
}

#[test]
fn when_hew_is_gone_the_whole_tree_is_ended_at_once() {
    for sandbox in [None, own_network()] {
        end_with_hew(sandbox.as_ref());
    }
}

fn end_with_hew(sandbox: Option<&Sandbox>) {
    let stage = Stage::new();
    let plan = stage.plan("ignore-term\ndaemon\nchild\ntouch ${HERE}/ready\nhang");
    let launch = Launch {
        shim: Path::new(HEW),
        argv: plan.argv.clone(),
        env: plan.env.clone().into_iter().collect(),
        cwd: &plan.cwd,
        stdin: None,
        polite_signal: PoliteSignal::Terminate,
        sandbox,
        kill_grace: LONG,
    };
    let (mut output, stdout) = std::io::pipe().unwrap();
    let stderr = stdout.try_clone().unwrap();
    let running = Supervised::start(&launch, stdout.into(), stderr.into()).unwrap();
    wait_for(&stage.path("ready"));
    // The stub's two children may still be on their way to their own names.
    wait_until("four processes and the shim", || stage.processes().len() >= 4);
    drop(running);
    assert_eq!(stage.processes(), Vec::<String>::new());
    std::io::copy(&mut output, &mut std::io::sink()).unwrap();
}

#[test]
fn a_shim_killed_by_its_program_leaves_nothing() {
    let stage = Stage::new();
    let plan =
        stage.plan("daemon\nchild\ntouch ${HERE}/ready\nwait-for ${HERE}/begun\nkill-parent SIGKILL\nhang");
    let report = stage.run(&plan).unwrap();
    assert_eq!(report.exit, Exit::Signal(9));
}

#[test]
fn a_program_that_stops_itself_is_found_by_its_silence_and_ended() {
    let stage = Stage::new();
    let mut plan = stage.plan("print before\nstop-self\nhang");
    plan.limits.stall_timeout = Duration::from_millis(300);
    let report = stage.run(&plan).unwrap();
    assert!(matches!(report.stopped, Some(StopCause::Stalled(_))), "{:?}", report.stopped);
    assert_eq!(report.exit, Exit::Signal(15), "it was woken to end as it was asked");
}

#[test]
fn a_question_to_the_terminal_is_an_error_at_once() {
    let stage = Stage::new();
    let report =
        stage.run(&stage.plan_for(&["sh", "-c", "read line; echo $?; cat </dev/tty || exit 7"])).unwrap();
    assert_eq!((report.exit, report.stdout_tail.as_str()), (Exit::Code(7), "1\n"));
}

#[test]
fn a_program_that_closes_its_streams_is_waited_for() {
    let stage = Stage::new();
    let script =
        "exec </dev/null >&- 2>&-; touch \"$HERE/ready\"; until test -e \"$HERE/go\"; do :; done; exit 5";
    let plan = stage.plan_for(&["sh", "-c", script]);
    let report = std::thread::scope(|scope| {
        let running = scope.spawn(|| stage.run(&plan).unwrap());
        wait_for(&stage.path("ready"));
        assert!(!running.is_finished());
        fs::write(stage.path("go"), "").unwrap();
        running.join().unwrap()
    });
    assert_eq!((report.exit, report.stopped), (Exit::Code(5), None));
}

#[test]
fn a_storm_of_processes_in_sessions_of_their_own_is_ended_and_counted() {
    let stage = Stage::new();
    let mut plan = stage.plan(&format!("{}exit 0", "daemon\nchild\n".repeat(40)));
    plan.limits.kill_grace = Duration::from_millis(100);
    let report = stage.run(&plan).unwrap();
    assert_eq!((report.exit, report.leaked), (Exit::Code(0), 80));
}

#[test]
fn what_gets_away_from_a_killed_shim_without_any_mark_is_ended_too() {
    let stage = Stage::new();
    let plan = stage.plan("orphan ${HERE}/orphan\nwait-for ${HERE}/begun\nkill-parent SIGKILL\nhang");
    let report = stage.run(&plan).unwrap();
    assert_eq!(report.exit, Exit::Signal(9));
    let orphan: u32 = stage.read("orphan").parse().unwrap();
    assert!(!proc_tree::stat(orphan).is_some_and(|process| process.is_alive()), "{orphan} goes on");
}

#[test]
fn a_chain_of_processes_that_start_another_and_end_is_ended() {
    let stage = Stage::new();
    let mut plan = stage.plan("chain ${HERE}/script\nexit 0");
    plan.limits.kill_grace = Duration::from_millis(50);
    let report = stage.run(&plan).unwrap();
    assert_eq!((report.exit, report.stopped), (Exit::Code(0), None));
}

#[test]
fn a_program_dies_with_its_shim_even_when_nobody_looks_after_it() {
    for sandbox in [None, own_network()] {
        die_with_shim(sandbox.as_ref());
    }
}

fn die_with_shim(sandbox: Option<&Sandbox>) {
    let stage = Stage::new();
    let plan = stage.plan("ignore-term\ntouch ${HERE}/ready\nhang");
    let launch = Launch {
        shim: Path::new(HEW),
        argv: plan.argv.clone(),
        env: plan.env.clone().into_iter().collect(),
        cwd: &plan.cwd,
        stdin: None,
        polite_signal: PoliteSignal::Terminate,
        sandbox,
        kill_grace: LONG,
    };
    let running = Supervised::start(&launch, Stdio::null(), Stdio::null()).unwrap();
    wait_for(&stage.path("ready"));
    let shim = proc_tree::stat(running.pid).unwrap().parent;
    kill(Pid::from_raw(shim.cast_signed()), Signal::SIGKILL).unwrap();
    wait_until("the program is gone", || !proc_tree::stat(running.pid).is_some_and(|stat| stat.is_alive()));
}

/// A sandbox in which everything may be written, with a network of its own; none where the kernel can't do that.
fn own_network() -> Option<Sandbox> {
    let everything = vec![PathBuf::from("/")];
    let can = hew::adapters::strict::kernel_problem(Path::new(HEW)).is_none();
    can.then(|| Sandbox { folders: everything, files: Vec::new(), network: Some(Network::of([])) })
}

#[test]
fn a_shim_stopped_by_its_program_is_given_up_in_bounded_time() {
    let stage = Stage::new();
    let plan = stage
        .plan("ignore-term\ndaemon\nwait-for ${HERE}/begun\nkill-parent SIGSTOP\ntouch ${HERE}/ready\nhang");
    let report = stage.run_and_stop(&plan, &[StopRequest::Now]);
    assert_eq!((report.exit, report.stopped), (Exit::Signal(9), Some(StopCause::Requested)));
}

#[test]
fn terminal_signals_to_the_shim_end_nothing() {
    let stage = Stage::new();
    let script = "kill-parent SIGINT\nkill-parent SIGTERM\nkill-parent SIGHUP\nprint still here\nexit 7";
    let report = stage.run(&stage.plan(script)).unwrap();
    assert_eq!((report.exit, report.last_line.as_str()), (Exit::Code(7), "still here"));
}

#[test]
fn two_hundred_megabytes_without_a_newline_are_bounded_in_file_and_memory() {
    let stage = Stage::new();
    let before = peak_memory_kib();
    let plan = stage.plan("print start\nprint-blob-mb 200\nprint\nprint end");
    let report = stage.run(&plan).unwrap();
    assert_eq!(report.output_bytes, 200_000_000 + 6 + 1 + 4);
    assert_eq!(report.last_line, "end");
    let transcript = stage.transcript();
    let size = fs::metadata(stage.path("iter/transcript.jsonl")).unwrap().len();
    assert!(size <= (1 << 20) + 200, "{size}");
    assert_eq!(stage.texts().first().map(String::as_str), Some("start"));
    assert_eq!(stage.texts().last().map(String::as_str), Some("end"));
    // How much of the megabyte that may be kept is used depends on where reads cut the line.
    let marker = transcript.iter().find(|record| record["subtype"] == "left_out").unwrap();
    assert!(marker["bytes"].as_u64().unwrap() >= 200_000_000 - (1 << 20), "{marker}");
    assert!(peak_memory_kib() - before < 64 * 1024, "{} KiB", peak_memory_kib() - before);
}

#[test]
fn what_a_transcript_keeps_and_what_it_leaves_out_add_up() {
    let stage = Stage::new();
    // In a record an empty line is twice as long as it is printed.
    let report = stage.run(&stage.plan("print-lines 1000000 \nprint-lines 40000 x\nprint end")).unwrap();
    let size = fs::metadata(stage.path("iter/transcript.jsonl")).unwrap().len();
    assert!(size <= (1 << 20) + 400, "{size}");
    let kept: usize = stage.texts().iter().map(|text| text.len() + 1).sum();
    let left_out: Vec<_> = stage.transcript().iter().filter_map(|record| record["bytes"].as_u64()).collect();
    assert_eq!(left_out.len(), 1);
    assert_eq!(kept as u64 + left_out[0], report.output_bytes);
    assert_eq!(stage.texts().last().map(String::as_str), Some("end"));
}

#[test]
fn what_a_flood_began_and_ended_with_is_in_files_while_the_program_goes_on() {
    let stage = Stage::new();
    let plan = stage.plan("print start\nprint-mb 20\nprint the end so far\nhang");
    std::thread::scope(|scope| {
        let running = scope.spawn(|| stage.run(&plan).unwrap());
        let ends = [".tail-a", ".tail-b"].map(|suffix| stage.path(&format!("iter/transcript.jsonl{suffix}")));
        let is_saved =
            |file: &PathBuf| fs::read_to_string(file).is_ok_and(|text| text.ends_with("the end so far\n"));
        wait_until("the end in a file", || ends.iter().any(is_saved));
        assert_eq!(stage.texts().first().map(String::as_str), Some("start"));
        stage.stops.0.send(StopRequest::Now).unwrap();
        assert_eq!(running.join().unwrap().last_line, "the end so far");
        assert!(!ends.iter().any(|file| file.exists()), "they are part of the transcript now");
    });
    assert_eq!(stage.texts().last().map(String::as_str), Some("the end so far"));
}

#[test]
fn floods_on_both_streams_are_drained() {
    let stage = Stage::new();
    let report = stage.run(&stage.plan("eprint-mb 20\nprint-mb 20\neprint-mb 5\neprint last")).unwrap();
    assert_eq!(report.output_bytes, 45_000_005);
    assert!(report.stderr_tail.ends_with("last\n"));
    let log = stage.read("iter/stderr.log");
    assert!(log.len() <= (1 << 20) + 100 && log.contains("[hew left out 2"), "{}", log.len());
}

#[test]
fn output_that_can_not_be_kept_stops_the_agent_and_names_the_file() {
    let stage = Stage::new();
    let mut plan = stage.plan("print-mb 1\nhang");
    plan.files.transcript = PathBuf::from("/dev/full");
    let Err(SpawnError::File { path, reason }) = stage.run(&plan) else { panic!("kept by a full disk") };
    assert_eq!(path, plan.files.transcript);
    assert!(reason.contains("No space left"), "{reason}");
}

#[test]
fn what_the_agent_says_last_counts_from_any_folder() {
    let stage = Stage::new();
    let report = stage.run(&stage.plan("fail first\ndone it works\nexit 4")).unwrap();
    let signal = report.signal.unwrap();
    assert_eq!((signal.signal, signal.reason.as_deref()), (SignalWord::Done, Some("it works")));
    let report = stage.run(&stage.plan("exit 0")).unwrap();
    assert_eq!(report.signal, None, "a word of an earlier attempt is none of this one's");
    let report = stage.run(&stage.plan("write ${HEW_OUTCOME_FILE} nonsense")).unwrap();
    assert_eq!(report.signal.unwrap().signal, SignalWord::Fail);
}

#[test]
fn decisions_and_the_summary_are_collected() {
    let stage = Stage::new();
    let script = "print DECISION: a map\nprint DEFERRED: docs\nprint ## Summary\nprint It works.";
    let report = stage.run(&stage.plan(script)).unwrap();
    assert_eq!((report.decisions, report.deferred), (vec!["a map".to_owned()], vec!["docs".to_owned()]));
    assert_eq!(report.summary.as_deref(), Some("It works."));
}

#[test]
fn a_gate_is_run_by_the_shell_with_both_streams_in_one_log() {
    let stage = Stage::new();
    let job = stage.gate_job("echo out; echo err >&2; cat; exit 3");
    let report = ProcessGate::new(HEW.into(), SecretValues::default()).run(&job, &stage.stops.1).unwrap();
    assert_eq!((report.exit, report.stopped, report.leaked), (Exit::Code(3), None, 0));
    assert_eq!((report.output_tail.as_str(), report.output_bytes), ("out\nerr\n", 8));
    assert_eq!(stage.read("iter/gate.log"), "out\nerr\n");
}

#[test]
fn a_gate_that_floods_or_leaves_a_daemon_is_bounded_and_named() {
    let stage = Stage::new();
    let mut job = stage.gate_job("yes line | head -c 50000000; echo; echo end; (setsid sleep 1000 &)");
    job.kill_grace = Duration::from_millis(100);
    let report = ProcessGate::new(HEW.into(), SecretValues::default()).run(&job, &stage.stops.1).unwrap();
    assert_eq!((report.exit, report.leaked, report.output_bytes), (Exit::Code(0), 1, 50_000_005));
    assert_eq!(report.output_tail.lines().count(), 60);
    assert!(report.output_tail.ends_with("\nend\n"));
    assert!(fs::metadata(stage.path("iter/gate.log")).unwrap().len() <= (16 << 20) + 100);
}

#[test]
fn a_gate_that_hangs_is_red_by_timeout_or_by_request() {
    let stage = Stage::new();
    let mut job = stage.gate_job("touch ${HERE}/ready; sleep 1000");
    job.timeout = Duration::from_millis(50);
    let report = ProcessGate::new(HEW.into(), SecretValues::default()).run(&job, &stage.stops.1).unwrap();
    assert_eq!((report.stopped, report.is_green()), (Some(GateStop::Timeout), false));
    job.timeout = LONG;
    stage.stops.0.send(StopRequest::Now).unwrap();
    let report = ProcessGate::new(HEW.into(), SecretValues::default()).run(&job, &stage.stops.1).unwrap();
    assert_eq!((report.stopped, report.exit), (Some(GateStop::Requested), Exit::Signal(9)));
}

/// Most memory that this process ever held.
fn peak_memory_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The real spawner, driven by scripts.
struct RealSpawner {
    stage: Stage,
    spawner: ProcessSpawner,
}

impl SpawnerBench for RealSpawner {
    fn prepare(&self, deed: &AgentDeed) -> SpawnPlan {
        match deed {
            AgentDeed::Print(stdout, stderr, code) => {
                let (stdout, stderr) = (stdout.replace('\n', "\\n"), stderr.trim_end());
                let complaint = if stderr.is_empty() { String::new() } else { format!("eprint {stderr}\n") };
                self.stage.plan(&format!("{complaint}print-raw {stdout}\nexit {code}"))
            }
            AgentDeed::SayDone => self.stage.plan("fail first\ndone it works"),
            AgentDeed::KillItself => self.stage.plan("kill-self SIGKILL"),
            AgentDeed::LeaveDaemon => self.stage.plan("daemon"),
            AgentDeed::Hang => self.stage.plan("hang"),
            AgentDeed::BeMissing => self.stage.plan_for(&["hew-no-such-program"]),
        }
    }

    fn spawner(&self) -> &dyn Spawner {
        &self.spawner
    }
}

/// The fake spawner, scripted under a task of its own for each run.
struct ScriptedSpawner {
    stage: Stage,
    spawner: FakeSpawner,
    runs: AtomicU32,
}

impl SpawnerBench for ScriptedSpawner {
    fn prepare(&self, deed: &AgentDeed) -> SpawnPlan {
        let said =
            |signal, reason: &str| hew_core::agent::AgentSignal { signal, reason: Some(reason.to_owned()) };
        let run = match deed {
            AgentDeed::Print(stdout, stderr, code) => {
                FakeRun::exits(Exit::Code(*code)).printing(*stdout).complaining(*stderr)
            }
            AgentDeed::SayDone => FakeRun::exits(Exit::Code(0))
                .saying(said(SignalWord::Fail, "first"))
                .saying(said(SignalWord::Done, "it works")),
            AgentDeed::KillItself => FakeRun::exits(Exit::Signal(9)),
            AgentDeed::LeaveDaemon => FakeRun::exits(Exit::Code(0)).leaking(1),
            AgentDeed::Hang => FakeRun::hangs(),
            AgentDeed::BeMissing => FakeRun::missing(),
        };
        let task = format!("hew-{}", self.runs.fetch_add(1, Ordering::Relaxed));
        self.spawner.add(&task, run);
        let mut plan = self.stage.plan_for(&["agent"]);
        plan.env.insert("HEW_TASK_ID".to_owned(), task);
        plan
    }

    fn spawner(&self) -> &dyn Spawner {
        &self.spawner
    }
}

#[test]
fn the_real_spawner_keeps_the_contract() {
    let spawner = ProcessSpawner::new(HEW.into(), SecretValues::default());
    contract::spawner::check(&RealSpawner { stage: Stage::new(), spawner });
}

#[test]
fn the_fake_spawner_keeps_the_contract() {
    let (spawner, runs) = (FakeSpawner::new(), AtomicU32::new(0));
    contract::spawner::check(&ScriptedSpawner { stage: Stage::new(), spawner, runs });
}

/// A gate runner that is given the same commands, whatever it does with them.
struct Gates<'a> {
    stage: Stage,
    gate: &'a dyn GateRunner,
}

impl GateBench for Gates<'_> {
    fn prepare(&self, deed: GateDeed) -> GateJob {
        match deed {
            GateDeed::Count { lines, code } => self.stage.gate_job(&format!("seq {lines}; exit {code}")),
            GateDeed::KillItself => self.stage.gate_job("kill -9 $$"),
            GateDeed::Hang => self.stage.gate_job("sleep 1000"),
            GateDeed::TakeTooLong => {
                GateJob { timeout: Duration::from_millis(20), ..self.stage.gate_job("sleep 1001") }
            }
            GateDeed::HaveNoFolder => GateJob { cwd: self.stage.path("gone"), ..self.stage.gate_job("true") },
        }
    }

    fn gate(&self) -> &dyn GateRunner {
        self.gate
    }
}

#[test]
fn the_real_gate_keeps_the_contract() {
    contract::gate::check(&Gates {
        stage: Stage::new(),
        gate: &ProcessGate::new(HEW.into(), SecretValues::default()),
    });
}

#[test]
fn the_fake_gate_keeps_the_contract() {
    let gate = FakeGate::deciding(|job| match job.command.as_str() {
        "sleep 1000" => FakeGateRun::Hangs,
        "sleep 1001" => FakeGateRun::TimesOut,
        "kill -9 $$" => FakeGateRun::Exits(Exit::Signal(9), String::new()),
        "true" => FakeGateRun::Fails("no folder".to_owned()),
        count => {
            let (seq, exit) = count.split_once("; exit ").unwrap();
            let lines: usize = seq.trim_start_matches("seq ").parse().unwrap();
            let output = (1..=lines).map(|line| line.to_string() + "\n").collect();
            FakeGateRun::Exits(Exit::Code(exit.parse().unwrap()), output)
        }
    });
    contract::gate::check(&Gates { stage: Stage::new(), gate: &gate });
}
