//! What holds for every run that ended, whatever came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use hew_core::ids::{CommitId, TaskId};
use hew_core::record::event::DeliveryRecord;
use hew_core::record::files::{JOURNAL, MANIFEST, RUN, iteration_file_name, render};
use hew_core::record::view::IterationView;
use hew_core::record::{JournalEntry, RunView};
use serde_json::Value;

use super::{Project, Ran, processes_of};
use crate::repo::TestRepo;

/// Reads what a run left and checks it.
pub(super) fn collect(project: &Project, folder: &Path, code: i32) -> Ran {
    check(&project.repo, folder, code, project.tasks(), &project.said())
}

/// Checks what a run in any repository left: its folder, its exit code, the tracker's tasks after it, and what it said.
pub fn check(repo: &TestRepo, folder: &Path, code: i32, tasks: Vec<Value>, said: &str) -> Ran {
    let view = fold_journal(folder, said);
    let read = |name: &str| fs::read_to_string(repo.base().join(name)).unwrap_or_default();
    let ran = Ran {
        code,
        stdout: read("run.stdout"),
        stderr: read("run.stderr"),
        line: first_parents(repo, &view),
        view,
        folder: folder.to_owned(),
        tasks,
        worktrees: worktrees(repo),
    };
    nothing_is_left_running(repo, &ran);
    repo.fsck_clean();
    worktrees_are_gone_or_told(repo, &ran);
    files_are_folds(&ran);
    landings_are_the_branch(repo, &ran);
    bases_hold_dependencies(&ran);
    work_is_anchored(repo, &ran);
    tracker_agrees(&ran);
    delivery_is_true(repo, &ran);
    ran
}

fn fold_journal(folder: &Path, said: &str) -> RunView {
    let text = fs::read_to_string(folder.join(JOURNAL)).unwrap_or_else(|error| panic!("{error}: {said}"));
    let entries: Vec<JournalEntry> =
        text.lines().map(|line| serde_json::from_str(line).expect("the journal is JSON lines")).collect();
    let numbers: Vec<u64> = entries.iter().map(|entry| entry.seq).collect();
    let expected: Vec<u64> = (1..).take(entries.len()).collect();
    assert_eq!(numbers, expected, "numbers of the journal's entries");
    RunView::of(&entries)
}

fn first_parents(repo: &TestRepo, view: &RunView) -> Vec<CommitId> {
    let header = view.header.as_ref().expect("the journal begins with the run's start");
    let branch = header.run_branch.as_ref().expect("a journal names it").to_ref();
    let launch = header.launch_sha.as_ref().expect("a journal names it");
    let range = format!("{launch}..{branch}");
    let listed = repo.try_git_in(repo.root(), &["rev-list", "--first-parent", "--reverse", &range]);
    if !listed.status.success() {
        return Vec::new();
    }
    String::from_utf8_lossy(&listed.stdout).lines().map(CommitId::new).collect()
}

/// All worktrees but the main one, with what git keeps of them.
fn worktrees(repo: &TestRepo) -> Vec<PathBuf> {
    let listed = repo.git(&["worktree", "list", "--porcelain"]);
    let paths = listed.lines().filter_map(|line| line.strip_prefix("worktree ")).map(PathBuf::from);
    paths.filter(|path| path != repo.root()).chain(clones(repo)).collect()
}

/// Clones that stand for worktrees: git knows nothing of them, their git folders stand beside them.
pub(crate) fn clones(repo: &TestRepo) -> Vec<PathBuf> {
    let folders =
        |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let of_runs = folders(repo.hew_home().join("wt")).flat_map(folders);
    of_runs
        .filter(|path| path.extension().is_some_and(|end| end == "git"))
        .map(|path| path.with_extension(""))
        .collect()
}

fn nothing_is_left_running(repo: &TestRepo, ran: &Ran) {
    let left = processes_of(&ran.id(), &repo.base());
    assert!(left.is_empty(), "processes left: {left:#?}");
    let lock = File::open(repo.common_dir().join("hew/lock")).expect("a run makes the lock");
    assert!(lock.try_lock().is_ok(), "the project is still held");
    let ending = ran.view.ending.as_ref().unwrap_or_else(|| panic!("no end in the journal: {}", ran.stderr));
    assert_eq!(ending.exit_code.map(i32::from), Some(ran.code), "exit code: {}", ran.stderr);
    assert_eq!(ran.view.in_flight().count(), 0, "iterations without an end");
}

fn worktrees_are_gone_or_told(repo: &TestRepo, ran: &Ran) {
    let told = |path: &Path| {
        let path = path.display().to_string();
        ran.view.notices.iter().any(|notice| notice.text.contains(&path))
    };
    for path in &ran.worktrees {
        assert!(told(path), "{} is left and nobody says so: {:#?}", path.display(), ran.view.notices);
    }
    let folder = repo.hew_home().join("wt").join(ran.id());
    if ran.worktrees.is_empty() {
        let left: Vec<_> =
            fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        let notices = &ran.view.notices;
        assert!(left.iter().all(|path| told(path)), "left in {}: {left:?}: {notices:#?}", folder.display());
    }
    let branches =
        repo.git(&["for-each-ref", "--format=%(refname:short)", &format!("refs/heads/loop/{}", ran.id())]);
    for branch in branches.lines().filter(|branch| !branch.ends_with("/main")) {
        assert!(!ran.worktrees.is_empty(), "branch {branch} is left without a worktree");
    }
    let locks = ["index.lock", "HEAD.lock", "packed-refs.lock", "config.lock"];
    let held: Vec<_> = locks.iter().filter(|lock| repo.common_dir().join(lock).exists()).collect();
    assert!(held.is_empty(), "git's own locks are left: {held:?}");
}

/// Every file of the run is the fold of its journal.
fn files_are_folds(ran: &Ran) {
    let jobs = ran.view.jobs();
    let iterations = ran.view.iterations.keys().map(|id| iteration_file_name(jobs, *id));
    for name in [RUN.to_owned(), MANIFEST.to_owned()].into_iter().chain(iterations) {
        let expected = render(&ran.view, &name).expect("the fold has it");
        let found =
            fs::read_to_string(ran.folder.join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(as_json(&found), as_json(&expected), "{name}");
    }
}

fn as_json(text: &str) -> Value {
    let mut value: Value = serde_json::from_str(text).expect("a file of a run is JSON");
    // Lines that make no file due may come after the last one that does.
    value.as_object_mut().map(|object| object.remove("last_updated_at"));
    value
}

/// The run branch's first-parent line is the landings in order, each proven, each task once; perhaps a merged target after.
/// A landing is one task's work, or with `--merge end` a worker's branch.
fn landings_are_the_branch(repo: &TestRepo, ran: &Ran) {
    let header = ran.view.header.as_ref().expect("checked before");
    let mut landings: BTreeMap<usize, Vec<&IterationView>> = BTreeMap::new();
    for view in ran.view.iterations.values() {
        let Some(sha) = &view.landed_sha else { continue };
        let place = ran.line.iter().position(|commit| commit == sha);
        let place = place.unwrap_or_else(|| panic!("{} is not on the run branch", view.id));
        landings.entry(place).or_default().push(view);
    }
    assert_eq!(u64::try_from(landings.len()).ok(), Some(ran.view.totals.landed), "landings");
    let commits = describe_line(repo, ran);
    let mut tip = header.launch_sha.clone().expect("a journal names it");
    let mut tasks = BTreeSet::new();
    for (number, (place, views)) in landings.iter().enumerate() {
        assert_eq!(*place, number, "places of landings on the run branch");
        for view in views {
            let task = view.task.as_ref().expect("what landed has a task");
            assert!(tasks.insert(task), "{task} landed twice");
        }
        landing_is_proven(header.gate.is_some(), &ran.id(), &tip, &commits[number], views);
        tip = ran.line[number].clone();
    }
    assert!(
        ran.line.len() <= landings.len() + 1,
        "somebody else's commits are on the run branch: {:?}",
        ran.line
    );
}

fn landing_is_proven(
    is_gated: bool,
    run: &str,
    tip: &CommitId,
    commit: &LineCommit,
    views: &[&IterationView],
) {
    let heads =
        |view: &&IterationView| format!("{tip} {}", view.head_sha.as_ref().expect("it was collected"));
    let last = views.iter().rfind(|view| heads(view) == commit.parents);
    let last = last.unwrap_or_else(|| panic!("{} are the parents of what {views:?} landed", commit.parents));
    let [of_run, of_task, of_iter] = &commit.trailers;
    assert_eq!(*of_run, [run], "Hew-Run");
    let tasks: Vec<String> = views.iter().filter_map(|view| Some(view.task.as_ref()?.to_string())).collect();
    let iterations: Vec<String> = views.iter().map(|view| view.id.to_string()).collect();
    // Tasks that changed nothing are named by a branch that they were done on, and land nothing.
    assert!(tasks.iter().all(|task| of_task.contains(task)), "Hew-Task: {of_task:?} of {tasks:?}");
    assert!(iterations.iter().all(|id| of_iter.contains(id)), "Hew-Iter: {of_iter:?} of {iterations:?}");
    let is_branch = views.iter().any(|view| view.stacked.is_some());
    assert!(is_branch || of_task.len() == 1, "one task lands: {of_task:?}");
    if is_gated {
        for view in views {
            let gate = view.gate.as_ref().unwrap_or_else(|| panic!("{} landed without a gate", view.id));
            assert!(gate.is_green() && gate.tampered.is_none(), "{} was not green: {gate:?}", view.id);
        }
        let tree = last.gate.as_ref().map(|gate| gate.tree_sha.as_str());
        assert_eq!(tree, Some(commit.tree.as_str()), "the tree that the gate of {} ran on", last.id);
    }
}

/// A commit of the run branch as git tells it.
struct LineCommit {
    parents: String,
    tree: String,
    /// Values of Hew-Run, Hew-Task and Hew-Iter.
    trailers: [Vec<String>; 3],
}

fn describe_line(repo: &TestRepo, ran: &Ran) -> Vec<LineCommit> {
    if ran.line.is_empty() {
        return Vec::new();
    }
    let trailers = ["Hew-Run", "Hew-Task", "Hew-Iter"]
        .map(|key| format!("%(trailers:key={key},valueonly,separator=%x2C)"))
        .join("%x00");
    let format = format!("--format=%P%x00%T%x00{trailers}");
    let range = format!("{}^1..{}", ran.line[0], ran.line[ran.line.len() - 1]);
    let told = repo.git(&["log", "--first-parent", "--reverse", &format, &range]);
    told.lines().map(line_commit).collect()
}

fn line_commit(line: &str) -> LineCommit {
    let fields: Vec<&str> = line.split('\0').collect();
    let values = |text: &str| text.split(',').filter(|value| !value.is_empty()).map(str::to_owned).collect();
    let [parents, tree, run, task, iter] = fields[..] else { panic!("git log says {line:?}") };
    LineCommit {
        parents: parents.to_owned(),
        tree: tree.to_owned(),
        trailers: [values(run), values(task), values(iter)],
    }
}

/// Every base is on the run branch, at or after what each dependency landed: on a line of first parents that is to
/// contain it.
fn bases_hold_dependencies(ran: &Ran) {
    let header = ran.view.header.as_ref().expect("checked before");
    let place = |sha: &CommitId| ran.line.iter().position(|commit| commit == sha);
    let landed: BTreeMap<String, Option<usize>> =
        ran.landed().iter().map(|(task, sha)| (task.to_string(), place(sha))).collect();
    for view in ran.view.iterations.values() {
        let (task, base) = (view.task.as_ref().expect("it began"), view.base_sha.as_ref().expect("it began"));
        let stands_at = place(base);
        let is_of_worker = |other: &IterationView| {
            let is_below = other.id.worker == view.id.worker && other.id.iter < view.id.iter;
            is_below && other.stacked.is_some() && other.head_sha.as_ref() == Some(base)
        };
        let is_stacked = ran.view.iterations.values().any(is_of_worker);
        let is_known = Some(base) == header.launch_sha.as_ref() || stands_at.is_some() || is_stacked;
        assert!(is_known, "{} of {task} began at {base}, which is not on the run branch", view.id);
        for on in dependencies(ran, task.as_str()) {
            let wanted = landed.get(&on).copied().flatten();
            assert!(wanted <= stands_at, "the base {base} of {task} lacks what {on} landed");
        }
    }
}

fn dependencies(ran: &Ran, task: &str) -> Vec<String> {
    let Some(task) = ran.tasks.iter().find(|found| found["id"] == task) else { return Vec::new() };
    let edges = task["dependencies"].as_array().cloned().unwrap_or_default();
    let blocks = edges.iter().filter(|edge| edge["type"] == "blocks");
    blocks.filter_map(|edge| edge["depends_on_id"].as_str().map(str::to_owned)).collect()
}

/// Whatever an iteration made is kept by its ref.
fn work_is_anchored(repo: &TestRepo, ran: &Ran) {
    let refs = repo.git(&["for-each-ref", "--format=%(refname) %(objectname)", "refs/hew"]);
    let refs: BTreeMap<&str, &str> = refs.lines().filter_map(|line| line.split_once(' ')).collect();
    for view in ran.view.iterations.values() {
        let (Some(head), Some(anchor)) = (&view.head_sha, &view.anchor) else { continue };
        assert_eq!(refs.get(anchor.as_str()), Some(&head.as_str()), "{anchor}");
    }
}

/// The tracker and the journal tell the same, and nothing is held any more.
fn tracker_agrees(ran: &Ran) {
    let actors = format!("hew/{}/", ran.id());
    for task in &ran.tasks {
        let id = task["id"].as_str().expect("every task has an id");
        let view = ran.view.tasks.get(&TaskId::new(id));
        let is_closed = task["status"] == "closed";
        if !is_closed {
            let holder = task["assignee"].as_str().unwrap_or("");
            assert!(!holder.starts_with(&actors), "{id} is still held by {holder}");
        }
        if let Some(view) = view {
            assert!(
                !view.is_closed || is_closed,
                "the journal says that {id} is closed; the tracker: {task}"
            );
            let parked = ran.has_label(id, "hew:parked") && !is_parked_by_another(task, &actors);
            assert_eq!(view.parked.is_some(), parked, "{id} is parked: {task}");
        }
        if let Some(sha) = view.filter(|view| view.is_closed).and_then(|view| view.landed_sha.as_ref()) {
            let reason = task["close_reason"].as_str().unwrap_or("");
            assert!(reason.contains(sha.as_str()), "{id} landed as {sha}; the tracker says {reason}");
        }
    }
}

/// A run that came later parked it, as its note says.
fn is_parked_by_another(task: &Value, actors: &str) -> bool {
    let notes = task["notes"].as_str().unwrap_or("").lines();
    let mut parked = notes.filter(|note| note.starts_with("hew hew/") && note.contains(": parked: "));
    parked.next_back().is_some_and(|note| !note.contains(actors))
}

/// What the journal says of the target is so.
fn delivery_is_true(repo: &TestRepo, ran: &Ran) {
    match &ran.view.delivery {
        Some(DeliveryRecord::Delivered { target, sha }) => {
            let at = repo.rev(target.to_ref().as_str());
            let asked = ["merge-base", "--is-ancestor", sha.as_str(), at.as_str()];
            assert!(repo.try_git_in(repo.root(), &asked).status.success(), "{target} lacks {sha}");
            assert_eq!(ran.line.last(), Some(sha), "the tip that was delivered");
            assert_eq!(ran.view.delivered_sha.as_ref(), Some(sha));
        }
        Some(DeliveryRecord::Refused { remedy, .. }) => {
            assert!(ran.remedies().contains(remedy), "the way out is not told: {:?}", ran.remedies());
        }
        Some(DeliveryRecord::NotWanted { .. }) => {}
        None => panic!("the journal does not say what came of the delivery"),
    }
}
