//! A worker's place: its worktree with what is copied and linked into it, its ports, its temporary folder.
//!
//! Invariant: a folder that may hold something that is nowhere else is never reset; the worker moves to a new one.

use std::io;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crossbeam_channel::Receiver;
use hew_core::agent::StopRequest;
use hew_core::ids::{BranchName, CommitId, WorkerId};
use hew_core::worktree::prepare::{PrepareRequest, Prepared, make, prepare};
use hew_core::worktree::{CleanDepth, WorktreeReset, WorktreeStart, names};

use super::Rig;
use super::rig::SeatStart;
use super::set_up::{SetUp, SetUpPlace};

/// Ports that a worker has for itself.
const PORTS: u16 = 20;

/// The first port that is leased; below it are well-known services.
const FIRST_PORT: u16 = 20_000;

/// The name of the temporary folder that all workers of a run share.
pub(crate) const SHARED_TEMP: &str = "tmp-shared";

/// Where one worker works.
pub(super) struct Seat {
    worker: WorkerId,
    /// Counts folders that were kept as they are.
    generation: u32,
    exists: bool,
    depth: CleanDepth,
    set_up: SetUp,
    port_base: Option<u16>,
}

impl Seat {
    pub(super) fn new(rig: &Rig, worker: WorkerId) -> Self {
        let SeatStart { generation, exists } = rig.seats.get(&worker).copied().unwrap_or_default();
        // Where a set-up may have been cut off, nothing that is not tracked is trusted.
        let is_clean = !exists || rig.settings.worktree_setup.value.is_none();
        Self {
            worker,
            generation,
            exists,
            depth: if is_clean { CleanDepth::KeepIgnored } else { CleanDepth::Everything },
            set_up: SetUp::default(),
            port_base: None,
        }
    }

    /// Its folder: `<root>/<run>/<n>`, or `<n>.2` and so on after a folder had to be kept.
    pub(super) fn path(&self, rig: &Rig) -> PathBuf {
        let first = names::worker_dir(&rig.place.worktree_root, &rig.place.run, self.worker);
        SeatStart::folder(&first, self.generation)
    }

    /// Its branch.
    pub(super) fn branch(&self, rig: &Rig) -> BranchName {
        let branch = names::worker_branch(&rig.settings.branch_prefix.value, &rig.place.run, self.worker);
        if self.generation == 1 { branch } else { BranchName::new(format!("{branch}.{}", self.generation)) }
    }

    /// Its temporary folder, made if need be.
    pub(super) fn temp(&self, rig: &Rig) -> io::Result<PathBuf> {
        let path = rig.place.worktrees().join(format!("tmp-{}", self.worker.0));
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// The first of its ports: found free once, and its own for the whole run.
    pub(super) fn port_base(&mut self) -> u16 {
        let worker = self.worker;
        *self.port_base.get_or_insert_with(|| free_ports(worker))
    }

    /// Everything in the folder was committed: the next reset has nothing to clean.
    pub(super) fn note_collected(&mut self) {
        if self.depth == CleanDepth::KeepIgnored {
            self.depth = CleanDepth::Nothing;
        }
    }

    /// Whoever worked here changed what was not its own: whatever else it may have left goes, and set-up runs again.
    pub(super) fn distrust(&mut self) {
        self.depth = CleanDepth::Everything;
        self.set_up.forget();
    }

    /// A gate runs there, and may leave files.
    pub(super) fn note_gate(&mut self) {
        self.depth = self.depth.max(CleanDepth::KeepIgnored);
    }

    /// Puts worktree and branch at a commit. Files that are not part of any stay.
    pub(super) fn stand_at(&mut self, rig: &Rig, commit: &CommitId) -> Result<(), String> {
        let start = WorktreeStart { branch: Some(self.branch(rig)), commit: commit.clone() };
        let reset = rig.git.reset_worktree(&self.path(rig), &start, self.depth);
        match reset.map_err(|error| error.to_string())? {
            WorktreeReset::Reset => Ok(()),
            WorktreeReset::Broken(why) => Err(format!("the worktree is broken: {why}")),
        }
    }

    /// Leaves the folder as it is, for a person; the next iteration gets a new one.
    pub(super) fn leave_folder(&mut self, rig: &Rig) {
        rig.keep_folder(self.path(rig));
        self.generation += 1;
        self.exists = false;
        self.set_up.forget();
    }

    /// The folder is gone: what git still knew of it is kept by a ref, and its record goes too.
    pub(super) fn lose_folder(&mut self, rig: &Rig) {
        // A record that can't be removed now is removed before the worktree is made again.
        let _ = rig.git.remove_worktree(&self.path(rig));
        self.exists = false;
        self.set_up.forget();
    }

    /// Makes the worktree before there is a task for it: only its files. Copies, links and set-up come with the first task;
    /// they may take long, and the task may never come.
    pub(super) fn make_ahead(&mut self, rig: &Rig, base: CommitId) -> Result<(), String> {
        let start = WorktreeStart { branch: Some(self.branch(rig)), commit: base };
        make(&*rig.git, &self.path(rig), &start, rig.settings.is_cloned())
            .map_err(|error| error.to_string())?;
        self.exists = true;
        self.depth = CleanDepth::Nothing;
        Ok(())
    }

    /// Puts the worktree at a base and everything into it that settings ask for. Answers whether it was made anew.
    pub(super) fn prepare(
        &mut self,
        rig: &Rig,
        base: CommitId,
        must_contain: Vec<CommitId>,
        log: &Path,
        stops: &Receiver<StopRequest>,
    ) -> Result<bool, String> {
        let path = self.path(rig);
        let request = PrepareRequest {
            path: path.clone(),
            start: WorktreeStart { branch: Some(self.branch(rig)), commit: base },
            must_contain,
            exists: self.exists,
            depth: std::mem::replace(&mut self.depth, CleanDepth::KeepIgnored),
            is_cloned: rig.settings.is_cloned(),
        };
        let fresh = match prepare(&*rig.git, &request).map_err(|error| error.to_string())? {
            Prepared::Ready { fresh } => fresh,
            Prepared::BaseIncomplete => return Err("the base lacks what a dependency landed".to_owned()),
        };
        self.exists = true;
        if fresh {
            self.set_up.forget();
        }
        furnish(rig, &path).map_err(|error| error.to_string())?;
        let temp = self.temp(rig).map_err(|error| error.to_string())?;
        let place = SetUpPlace { worktree: &path, temp: &temp, log: log.to_owned() };
        let set_up = self.set_up.run(rig, &place, stops);
        if set_up.is_err() {
            self.depth = CleanDepth::Everything;
        }
        set_up.map(|()| fresh)
    }
}

/// The temporary folder that all workers share, made if need be.
pub(super) fn shared_temp(rig: &Rig) -> io::Result<PathBuf> {
    let path = rig.place.worktrees().join(SHARED_TEMP);
    std::fs::create_dir_all(&path)?;
    Ok(path)
}

/// Copies and links what settings name from the project into a worktree, where it is not there yet.
pub(super) fn furnish(rig: &Rig, worktree: &Path) -> io::Result<()> {
    for name in &rig.settings.worktree_copy.value {
        let (from, to) = (rig.project.join(name), worktree.join(name));
        if from.exists() && is_free(worktree, &to) {
            copy_tree(&from, &to)?;
        }
    }
    for name in &rig.settings.worktree_link.value {
        let (from, to) = (rig.project.join(name), worktree.join(name));
        if from.exists() && is_free(worktree, &to) {
            make_parent(&to)?;
            symlink(&from, &to)?;
        }
    }
    Ok(())
}

/// Nothing is there, and no link that an agent left leads out of the worktree on the way.
fn is_free(worktree: &Path, to: &Path) -> bool {
    let above =
        to.ancestors().skip(1).find(|folder| folder.exists()).and_then(|folder| folder.canonicalize().ok());
    let is_inside =
        worktree.canonicalize().is_ok_and(|root| above.is_some_and(|above| above.starts_with(root)));
    is_inside && to.symlink_metadata().is_err()
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all)
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    make_parent(to)?;
    if !from.is_dir() {
        return std::fs::copy(from, to).map(drop);
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_symlink() {
            symlink(std::fs::read_link(entry.path())?, target)?;
        } else {
            copy_tree(&entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Copied and linked paths and the tracker's own, relative: they never take part in collection.
pub(super) fn furniture(rig: &Rig) -> Vec<PathBuf> {
    let settings = &rig.settings;
    let furniture = settings.worktree_copy.value.iter().chain(&settings.worktree_link.value);
    furniture.map(PathBuf::from).chain(rig.tracker_folders()).collect()
}

/// A range of ports in which every one can be bound on loopback now; workers look in ranges of their own.
fn free_ports(worker: WorkerId) -> u16 {
    let stride = PORTS * 16;
    let start = FIRST_PORT + worker.0 * PORTS;
    let bases = (start..u16::MAX - PORTS).step_by(usize::from(stride));
    let is_free =
        |base: &u16| (*base..base + PORTS).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    bases.clone().find(is_free).unwrap_or(start)
}
