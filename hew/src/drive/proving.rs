//! The gate on finished work that stays on its worker's branch (`--merge end`), in the worker's own worktree.
//!
//! Invariant: when it has spoken, branch and worktree are at work that it found green: this, or what this stands on.

use crossbeam_channel::Receiver;
use hew_core::agent::StopRequest;
use hew_core::engine::event::ProofView;
use hew_core::ids::{Actor, CommitId, TaskId};

use super::Rig;
use super::gating::{GateRun, run_gate};
use super::lane::taken;
use super::seat::Seat;

/// What is to be proven.
pub(super) struct Proof<'a> {
    pub(super) task: &'a TaskId,
    pub(super) actor: &'a Actor,
    /// What the work stands on.
    pub(super) base: &'a CommitId,
    pub(super) commit: &'a CommitId,
    /// Paths of the gate's definition that the work changes.
    pub(super) definition_changed: &'a [String],
    /// The gate's log, relative to the run folder.
    pub(super) log: String,
}

/// Puts the worktree and its branch at the work and runs the gate there, unless somebody took the task meanwhile.
pub(super) fn prove(
    seat: &mut Seat,
    rig: &Rig,
    proof: &Proof<'_>,
    stops: &Receiver<StopRequest>,
) -> Result<ProofView, String> {
    let view = look(seat, rig, proof, stops);
    let is_good = match &view {
        Ok(ProofView::Gated(view)) => view.is_green(),
        Ok(ProofView::Ungated) => true,
        Ok(ProofView::Taken(_)) | Err(_) => false,
    };
    if !is_good {
        // Its work is anchored. What can't be put back here is put back before the next task begins.
        let _ = seat.stand_at(rig, proof.base);
    }
    view
}

fn look(
    seat: &mut Seat,
    rig: &Rig,
    proof: &Proof<'_>,
    stops: &Receiver<StopRequest>,
) -> Result<ProofView, String> {
    if let Some(why) = taken(rig, proof.task, proof.actor)? {
        return Ok(ProofView::Taken(why));
    }
    seat.stand_at(rig, proof.commit)?;
    let Some(gate) = &rig.place.gate else { return Ok(ProofView::Ungated) };
    let tree = rig.git.tree_of(proof.commit).map_err(|error| error.to_string())?;
    let run = GateRun {
        gate,
        worktree: &seat.path(rig),
        temp: &seat.temp(rig).map_err(|error| error.to_string())?,
        commit: proof.commit,
        tree: &tree,
        tip: proof.base,
        definition_changed: proof.definition_changed,
        log: proof.log.clone(),
    };
    seat.note_gate();
    run_gate(rig, &run, stops).map(ProofView::Gated)
}
