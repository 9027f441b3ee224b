//! A person's checkout, and many at once.

use std::path::PathBuf;

use hew_core::ids::{BranchName, CommitId};
use hew_core::worktree::{ForwardOutcome, Obstacle};

use super::{GitHarness, add, detached, look, on, worked};

/// A persons checkout comes forward with their files kept.
pub fn a_persons_checkout_comes_forward_with_their_files_kept(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let (_, work) = worked(h, "1", &base, "c.txt", "c\n");
    let (checkout, main) = (h.checkout(), BranchName::from("main"));
    h.write(&checkout, "b.txt", "mine\n");
    h.write(&checkout, "notes.txt", "mine too\n");
    assert_eq!(git.forward_checkout(&checkout, &main, &work).unwrap(), ForwardOutcome::Forwarded);
    assert_eq!(git.resolve(&main.to_ref()).unwrap(), Some(work));
    assert_eq!(h.read(&checkout, "c.txt").as_deref(), Some("c\n"));
    assert_eq!(h.read(&checkout, "b.txt").as_deref(), Some("mine\n"));
    assert_eq!(h.read(&checkout, "notes.txt").as_deref(), Some("mine too\n"));
}

/// A colliding checkout is refused untouched.
pub fn a_colliding_checkout_is_refused_untouched(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let tree = add(h, "1", &detached(&base));
    h.write(&tree, ".gitignore", "cache/\n");
    h.write(&tree, ".env", "an agent's\n");
    h.write(&tree, "b.txt", "an agent's\n");
    let work = h.commit_all(&tree, "all");
    let (checkout, main) = (h.checkout(), BranchName::from("main"));
    for (name, text, is_tracked) in [("b.txt", "mine\n", true), (".env", "my secret\n", false)] {
        let before = h.read(&checkout, name);
        h.write(&checkout, name, text);
        let outcome = git.forward_checkout(&checkout, &main, &work).unwrap();
        assert!(
            matches!(&outcome, ForwardOutcome::Refused(refusal) if !refusal.words.is_empty()),
            "{name}: {outcome:?}"
        );
        let ForwardOutcome::Refused(refusal) = outcome else { continue };
        let (changed, untracked) = [name.to_owned()].into_iter().partition(|_| is_tracked);
        assert_eq!(refusal.obstacle, Some(Obstacle::Files { changed, untracked }), "{name}");
        assert_eq!(h.read(&checkout, name).as_deref(), Some(text), "{name}");
        assert_eq!(git.resolve(&main.to_ref()).unwrap(), Some(base.clone()), "{name}");
        if let Some(before) = before {
            h.write(&checkout, name, &before);
        }
    }
}

/// Only a fast forward of the named branch is done.
pub fn only_a_fast_forward_of_the_named_branch_is_done(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let (_, work) = worked(h, "1", &base, "c.txt", "c\n");
    let (checkout, main) = (h.checkout(), BranchName::from("main"));
    let refused = |branch: &BranchName, to: &CommitId| {
        matches!(git.forward_checkout(&checkout, branch, to).unwrap(), ForwardOutcome::Refused(_))
    };
    assert!(refused(&BranchName::from("other"), &work));
    assert_eq!(git.resolve(&main.to_ref()).unwrap(), Some(base));
    h.write(&checkout, "d.txt", "d\n");
    let moved = h.commit_all(&checkout, "theirs");
    assert!(refused(&main, &work));
    assert_eq!(git.resolve(&main.to_ref()).unwrap(), Some(moved.clone()));
    h.switch(&checkout, None);
    assert!(refused(&main, &work));
    assert_eq!(git.resolve(&main.to_ref()).unwrap(), Some(moved));
}

/// A branch comes forward where nobody has it.
pub fn a_branch_comes_forward_where_nobody_has_it(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let (_, work) = worked(h, "1", &base, "c.txt", "c\n");
    let (_, aside) = worked(h, "2", &base, "d.txt", "d\n");
    let target = BranchName::from("release");
    git.create_branch(&target, &base).unwrap();
    assert_eq!(git.forward_branch(&target, &work).unwrap(), ForwardOutcome::Forwarded);
    assert_eq!(git.resolve(&target.to_ref()).unwrap(), Some(work.clone()));
    for (branch, to) in [("release", &aside), ("main", &work)] {
        let branch = BranchName::from(branch);
        let before = git.resolve(&branch.to_ref()).unwrap();
        let outcome = git.forward_branch(&branch, to).unwrap();
        assert!(matches!(outcome, ForwardOutcome::Refused(_)), "{branch}: {outcome:?}");
        assert_eq!(git.resolve(&branch.to_ref()).unwrap(), before, "{branch}");
    }
    assert_eq!(h.read(&h.checkout(), "c.txt"), None);
    let gone = BranchName::from("gone");
    assert!(matches!(git.forward_branch(&gone, &work).unwrap(), ForwardOutcome::Refused(_)));
    assert_eq!(git.resolve(&gone.to_ref()).unwrap(), None);
}

/// Sixteen threads make worktrees at once.
pub fn sixteen_threads_make_worktrees_at_once(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let places: Vec<PathBuf> = (0..16).map(|n| h.place(&n.to_string())).collect();
    std::thread::scope(|scope| {
        for (n, place) in places.iter().enumerate() {
            let start = on(&format!("loop/x/w{n}"), &base);
            scope.spawn(move || git.add_worktree(place, &start).unwrap());
        }
    });
    for place in &places {
        assert_eq!(look(h, place).change_count, 0);
    }
    assert_eq!(git.list_worktrees().unwrap().len(), 17);
}
