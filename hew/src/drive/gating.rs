//! One run of the gate on one tree, in the worktree of the lane or of a worker, and what it did to that tree.

use std::path::{Path, PathBuf};

use crossbeam_channel::Receiver;
use hew_core::agent::StopRequest;
use hew_core::engine::event::GatedView;
use hew_core::ids::{CommitId, TreeId};
use hew_core::land::gate::{GateJob, GateProof};
use hew_core::land::gate_detect::GateCommand;
use hew_core::land::tip_definition::{both_definitions, changed_definition};
use hew_core::plan::command_sandbox;
use hew_core::plan::env::plan_gate_env;
use hew_core::worktree::Alteration;

use super::Rig;
use crate::adapters::fail_point;

/// Where a gate runs and what it proves.
pub(super) struct GateRun<'a> {
    pub(super) gate: &'a GateCommand,
    /// The worktree of the lane, or of a worker, at `commit`.
    pub(super) worktree: &'a Path,
    /// Its temporary folder.
    pub(super) temp: &'a Path,
    pub(super) commit: &'a CommitId,
    pub(super) tree: &'a TreeId,
    /// The commit whose definition of the gate counts too.
    pub(super) tip: &'a CommitId,
    /// Paths of the gate's definition that differ from the tip's.
    pub(super) definition_changed: &'a [String],
    /// Its log, relative to the run folder.
    pub(super) log: String,
}

/// Runs the gate and looks whether the tree is still the one that was to be proven.
pub(super) fn run_gate(
    rig: &Rig,
    run: &GateRun<'_>,
    stops: &Receiver<StopRequest>,
) -> Result<GatedView, String> {
    let job = GateJob {
        command: command(rig, run)?,
        cwd: run.worktree.to_owned(),
        log: rig.place.folder.join(&run.log),
        timeout: rig.settings.gate_timeout.value,
        kill_grace: rig.settings.kill_grace.value,
        env: plan_gate_env(&rig.host.env, &rig.settings, run.temp),
        sandbox: command_sandbox(&rig.settings, &[run.worktree.to_owned()], run.temp),
    };
    let report = rig.gates.run(&job, stops).map_err(|error| error.to_string())?;
    fail_point::reach("gate", "");
    let alteration = rig.git.alteration(run.worktree, run.commit).map_err(|error| error.to_string())?;
    let proof = GateProof { command: job.command, tree: run.tree.clone(), report, flaky: false };
    Ok(GatedView { proof, log: run.log.clone(), tampered: words(alteration) })
}

/// Where the lane's temporary folder is, once it is made.
pub(super) fn temp_place(rig: &Rig) -> PathBuf {
    rig.place.worktrees().join("tmp-land")
}

/// The lane's temporary folder, made if need be.
pub(super) fn temp_folder(rig: &Rig) -> Result<PathBuf, String> {
    let temp = temp_place(rig);
    std::fs::create_dir_all(&temp).map_err(|error| format!("{}: {error}", temp.display()))?;
    Ok(temp)
}

/// The gate's command; where the work changes its definition, the tip's definition runs first.
fn command(rig: &Rig, run: &GateRun<'_>) -> Result<String, String> {
    let own = run.gate.command.clone();
    let Some(file) = changed_definition(run.gate, run.definition_changed) else {
        return Ok(own);
    };
    let Some(text) = rig.git.read_file(run.tip, file).map_err(|error| error.to_string())? else {
        return Ok(own);
    };
    let copy = run.temp.join(format!("tip-{file}"));
    std::fs::write(&copy, &text).map_err(|error| format!("{}: {error}", copy.display()))?;
    Ok(both_definitions(run.gate, file, &String::from_utf8_lossy(&text), &copy).unwrap_or(own))
}

fn words(alteration: Alteration) -> Option<String> {
    match alteration {
        Alteration::None => None,
        Alteration::HeadMoved(commit) => Some(format!("it moved HEAD to {}", commit.short())),
        Alteration::Files(files) => Some(format!("it changed {}", files.join(", "))),
        Alteration::Broken(why) => Some(why),
    }
}
