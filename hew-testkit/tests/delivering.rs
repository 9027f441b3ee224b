//! A delivery whose git fails somewhere: whoever relies on the tip of the run branch is told where it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::DateTime;
use hew_core::ids::{BranchName, CommitId, RunId, TreeId};
use hew_core::land::deliver::{DeliverRequest, Delivered, DeliveryLane, Judgement, deliver};
use hew_core::land::merge_back;
use hew_core::worktree::{GitClient, WorktreeStart};
use hew_testkit::fake_git::FakeGit;
use hew_testkit::faulty::{Fault, Faulty};

/// A lane without a gate, of whose git only the moves of the run branch may fail.
struct Calm<'a> {
    git: &'a FakeGit,
    client: &'a dyn GitClient,
    request: DeliverRequest<'a>,
}

impl DeliveryLane for Calm<'_> {
    fn stand_at(&mut self, commit: &CommitId) -> Result<PathBuf, String> {
        let path = Path::new("/fake/wt/land");
        let start = WorktreeStart { branch: None, commit: commit.clone() };
        self.git.add_worktree(path, &start).map_err(|error| error.to_string())?;
        Ok(path.to_owned())
    }
    fn judge(&mut self, _commit: &CommitId, _tree: &TreeId) -> Result<Judgement, String> {
        Ok(Judgement::Passed)
    }
    fn advance(&mut self, to: &CommitId) -> Result<(), String> {
        let DeliverRequest { run_branch, tip, run, .. } = self.request;
        let moved = merge_back::advance(self.client, run_branch, tip, to, run);
        moved.map(drop).map_err(|error| error.to_string())
    }
}

/// Delivers to a target that has moved. Answers where the run branch is then, and where it is said to be.
fn delivered_with(fault: &Arc<Fault>) -> (CommitId, CommitId) {
    let git = Arc::new(FakeGit::new(&[("README.md", "a project")]));
    let (run, target) = (RunId::new(DateTime::UNIX_EPOCH, 7), BranchName::from("main"));
    let run_branch = BranchName::from(format!("loop/{run}/main").as_str());
    let tip = git.add_commit(vec![git.base()], &[("README.md", "a project"), ("work", "w")], "Work");
    git.set_ref(&run_branch.to_ref(), &tip);
    git.write(git.root(), "theirs", "t");
    git.commit_all(git.root(), "Theirs");
    let request = DeliverRequest {
        run: &run,
        run_branch: &run_branch,
        tip: &tip,
        target: &target,
        launched_from: git.root(),
    };
    let client = Faulty::new(Arc::clone(&git), fault);
    let said = match deliver(&client, &request, &mut Calm { git: &git, client: &client, request }) {
        Ok(Delivered::At(sha)) => sha,
        Ok(Delivered::Refused { new_tip, .. }) => new_tip.unwrap_or(tip),
        Err(_) => tip,
    };
    let is_at = git.resolve(&run_branch.to_ref()).expect("a fake answers").expect("nobody deletes it");
    (is_at, said)
}

#[test]
fn wherever_git_fails_in_a_delivery_the_tip_that_is_told_is_that_of_the_run_branch() {
    let calm = Fault::never();
    let (is_at, said) = delivered_with(&calm);
    assert_eq!(is_at, said);
    assert!(calm.calls() > 4, "{} calls", calm.calls());
    for number in 1..=calm.calls() {
        for fault in [Fault::before(number), Fault::after(number)] {
            let (is_at, said) = delivered_with(&fault);
            assert_eq!(is_at, said, "call {number}: {fault:?}");
        }
    }
}
