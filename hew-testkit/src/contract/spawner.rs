//! What every spawner keeps to.

use crossbeam_channel::unbounded;
use hew_core::agent::{
    AgentSignal, SignalWord, SpawnError, SpawnProgress, SpawnReport, Spawner, StopCause, StopRequest,
};
use hew_core::exit::Exit;
use hew_core::plan::SpawnPlan;

/// What an agent is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentDeed {
    /// Print this on standard output and error, and exit with this code.
    Print(&'static str, &'static str, i32),
    /// Say `hew fail first`, then `hew done it works`.
    SayDone,
    /// End by signal 9.
    KillItself,
    /// Leave a process of its own session behind.
    LeaveDaemon,
    /// Go on until stopped.
    Hang,
    /// Be a program that does not exist.
    BeMissing,
}

/// A spawner with a way to make it do things.
pub trait SpawnerBench {
    /// A plan, and the spawner prepared for it.
    fn prepare(&self, deed: &AgentDeed) -> SpawnPlan;
    /// The spawner.
    fn spawner(&self) -> &dyn Spawner;
}

/// Runs the suite.
///
/// # Panics
/// Where the spawner breaks the contract.
pub fn check(bench: &dyn SpawnerBench) {
    exits_and_output_are_reported(bench);
    the_last_word_is_reported(bench);
    a_signal_is_no_exit_code(bench);
    leftovers_are_ended_and_counted(bench);
    a_stop_is_followed_and_named(bench);
    nobody_who_could_stop_is_no_stop(bench);
    a_missing_program_is_named_and_never_started(bench);
}

fn run(bench: &dyn SpawnerBench, deed: &AgentDeed) -> SpawnReport {
    let plan = bench.prepare(deed);
    let (_stop, stops) = unbounded();
    bench.spawner().run(&plan, &stops, &|_| {}).expect("the program is there")
}

fn exits_and_output_are_reported(bench: &dyn SpawnerBench) {
    let text = "DECISION: a map\nDEFERRED: docs\n## Summary\nIt works.\nclosed a-1\n";
    for code in [0, 3] {
        let report = run(bench, &AgentDeed::Print(text, "careful\n", code));
        assert_eq!((report.exit, &report.stopped, report.leaked), (Exit::Code(code), &None, 0));
        assert_eq!(report.last_line, "closed a-1");
        assert_eq!((report.stdout_tail.as_str(), report.stderr_tail.as_str()), (text, "careful\n"));
        assert_eq!(report.output_bytes, text.len() as u64 + 8);
        assert_eq!((report.decisions, report.deferred), (vec!["a map".to_owned()], vec!["docs".to_owned()]));
        assert_eq!(report.summary.as_deref(), Some("It works.\nclosed a-1"));
        assert_eq!(report.signal, None);
    }
}

fn the_last_word_is_reported(bench: &dyn SpawnerBench) {
    let expected = AgentSignal { signal: SignalWord::Done, reason: Some("it works".to_owned()) };
    assert_eq!(run(bench, &AgentDeed::SayDone).signal, Some(expected));
}

fn a_signal_is_no_exit_code(bench: &dyn SpawnerBench) {
    let report = run(bench, &AgentDeed::KillItself);
    assert_eq!((report.exit, report.stopped), (Exit::Signal(9), None));
}

fn leftovers_are_ended_and_counted(bench: &dyn SpawnerBench) {
    let report = run(bench, &AgentDeed::LeaveDaemon);
    assert_eq!((report.exit, report.leaked, report.stopped), (Exit::Code(0), 1, None));
}

fn a_stop_is_followed_and_named(bench: &dyn SpawnerBench) {
    for (request, signal) in [(StopRequest::Graceful, 15), (StopRequest::Now, 9)] {
        let plan = bench.prepare(&AgentDeed::Hang);
        let (stop, stops) = unbounded();
        let on_start = |progress| {
            if matches!(progress, SpawnProgress::Started { .. }) {
                stop.send(request).expect("the run holds the receiver");
            }
        };
        let report = bench.spawner().run(&plan, &stops, &on_start).expect("the program is there");
        assert_eq!((report.exit, report.stopped), (Exit::Signal(signal), Some(StopCause::Requested)));
    }
}

fn nobody_who_could_stop_is_no_stop(bench: &dyn SpawnerBench) {
    let plan = bench.prepare(&AgentDeed::Print("x\n", "", 0));
    let (stop, stops) = unbounded();
    drop(stop);
    let report = bench.spawner().run(&plan, &stops, &|_| {}).expect("the program is there");
    assert_eq!((report.exit, report.stopped), (Exit::Code(0), None));
}

fn a_missing_program_is_named_and_never_started(bench: &dyn SpawnerBench) {
    let plan = bench.prepare(&AgentDeed::BeMissing);
    let (_stop, stops) = unbounded();
    let found = bench.spawner().run(&plan, &stops, &|progress| panic!("{progress:?} of a missing program"));
    assert_eq!(found, Err(SpawnError::Missing { program: plan.argv[0].clone() }));
}
