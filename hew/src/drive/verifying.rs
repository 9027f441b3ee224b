//! The verification at the end: all tests, in the lane's worktree at the result, in the gate's environment.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crossbeam_channel::Receiver;
use hew_core::agent::StopRequest;
use hew_core::land::failed_tests::failed_tests;
use hew_core::land::gate::GateJob;
use hew_core::land::verify::{LOG, VerifyRun, detect_verify};
use hew_core::plan::command_sandbox;
use hew_core::plan::env::plan_gate_env;

use super::Rig;
use super::gating::temp_folder;
use crate::adapters::gate_files;

/// How much of the log's end is searched for names of failed tests.
const SEARCHED: u64 = 1024 * 1024;

/// The command: as set, else found in the tree.
pub(super) fn command(rig: &Rig, worktree: &Path) -> Option<String> {
    let set = rig.settings.verify_command.value.clone();
    set.or_else(|| detect_verify(&gate_files::load(worktree)).map(|found| found.command))
}

/// Runs it to its end.
pub(super) fn run(
    rig: &Rig,
    command: String,
    worktree: &Path,
    stops: &Receiver<StopRequest>,
) -> Result<VerifyRun, String> {
    let log = rig.place.folder.join(LOG);
    let temp = temp_folder(rig)?;
    let job = GateJob {
        command,
        cwd: worktree.to_owned(),
        log: log.clone(),
        timeout: rig.settings.verify_budget_wall.value,
        kill_grace: rig.settings.kill_grace.value,
        env: plan_gate_env(&rig.host.env, &rig.settings, &temp),
        sandbox: command_sandbox(&rig.settings, &[worktree.to_owned()], &temp),
    };
    let report = rig.gates.run(&job, stops).map_err(|error| error.to_string())?;
    // Without its end the outcome is known all the same.
    let failed_tests =
        if report.is_green() { Vec::new() } else { failed_tests(&end_of(&log).unwrap_or_default()) };
    Ok(VerifyRun::Ran { command: job.command, report, failed_tests })
}

fn end_of(log: &Path) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(SEARCHED)))?;
    let mut bytes = Vec::new();
    file.take(SEARCHED).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
