//! What every gate runner keeps to.

use crossbeam_channel::unbounded;
use hew_core::agent::StopRequest;
use hew_core::exit::Exit;
use hew_core::land::gate::{GateJob, GateRunner, GateStop};

/// What a gate is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateDeed {
    /// Print so many lines, `1`, `2` and so on, and exit with this code.
    Count {
        /// How many lines.
        lines: usize,
        /// The exit code.
        code: i32,
    },
    /// End by signal 9.
    KillItself,
    /// Go on until stopped.
    Hang,
    /// Take longer than the job allows.
    TakeTooLong,
    /// Be asked for in a folder that does not exist.
    HaveNoFolder,
}

/// A gate runner with a way to make it do things.
pub trait GateBench {
    /// A job, and the runner prepared for it.
    fn prepare(&self, deed: GateDeed) -> GateJob;
    /// The runner.
    fn gate(&self) -> &dyn GateRunner;
}

/// Runs the suite.
///
/// # Panics
/// Where the runner breaks the contract.
pub fn check(bench: &dyn GateBench) {
    green_is_exit_code_zero_and_nothing_else(bench);
    the_end_of_the_output_is_reported(bench);
    a_stop_is_red_and_named(bench);
    a_timeout_is_red_and_named(bench);
    what_never_ran_is_an_error(bench);
}

fn green_is_exit_code_zero_and_nothing_else(bench: &dyn GateBench) {
    let cases = [
        (GateDeed::Count { lines: 1, code: 0 }, Exit::Code(0), true),
        (GateDeed::Count { lines: 1, code: 1 }, Exit::Code(1), false),
        (GateDeed::KillItself, Exit::Signal(9), false),
    ];
    for (deed, exit, green) in cases {
        let (_stop, stops) = unbounded();
        let report = bench.gate().run(&bench.prepare(deed), &stops).expect("it can be run");
        assert_eq!((report.exit, report.stopped, report.is_green()), (exit, None, green), "{deed:?}");
    }
}

fn the_end_of_the_output_is_reported(bench: &dyn GateBench) {
    let (_stop, stops) = unbounded();
    let job = bench.prepare(GateDeed::Count { lines: 100, code: 0 });
    let report = bench.gate().run(&job, &stops).expect("it can be run");
    assert_eq!(report.output_bytes, 292);
    assert_eq!(report.output_tail.lines().count(), 60);
    assert!(report.output_tail.starts_with("41\n") && report.output_tail.ends_with("\n100\n"));
}

fn a_stop_is_red_and_named(bench: &dyn GateBench) {
    for (request, signal) in [(StopRequest::Graceful, 15), (StopRequest::Now, 9)] {
        let (stop, stops) = unbounded();
        stop.send(request).expect("the receiver is here");
        let report = bench.gate().run(&bench.prepare(GateDeed::Hang), &stops).expect("it can be run");
        assert_eq!((report.exit, report.stopped), (Exit::Signal(signal), Some(GateStop::Requested)));
        assert!(!report.is_green());
    }
}

fn a_timeout_is_red_and_named(bench: &dyn GateBench) {
    let (_stop, stops) = unbounded();
    let report = bench.gate().run(&bench.prepare(GateDeed::TakeTooLong), &stops).expect("it can be run");
    assert_eq!((report.stopped, report.is_green()), (Some(GateStop::Timeout), false));
}

fn what_never_ran_is_an_error(bench: &dyn GateBench) {
    let (_stop, stops) = unbounded();
    let job = bench.prepare(GateDeed::HaveNoFolder);
    let error = bench.gate().run(&job, &stops).expect_err("nothing runs in a folder that is not there");
    assert_eq!(error.command, job.command);
    assert!(!error.reason.is_empty());
}
