//! Where a project is found from, and what is said where there is none.

use std::fs;
use std::path::Path;

use hew::adapters::git::RepoGit;
use hew::adapters::launch_state::{self, Head};
use hew::adapters::project::Project;
use hew_core::ids::BranchName;
use hew_core::worktree::{GitClient, WorktreeStart};
use hew_testkit::repo::TestRepo;

fn find(folder: &Path) -> Project {
    Project::discover_from(folder).unwrap_or_else(|failure| panic!("{}: {failure:?}", folder.display()))
}

#[test]
fn every_folder_and_worktree_of_a_repository_leads_to_one_project() {
    let repo = TestRepo::at("a project with spaces and ünïcode");
    repo.write("src/deep/file", "x\n");
    repo.commit("Start");
    let (linked, own) = (repo.base().join("linked"), repo.base().join("wt/0"));
    repo.git(&["worktree", "add", "--quiet", "-b", "topic", linked.to_str().unwrap()]);
    let git = RepoGit::new(&repo.common_dir()).with_environment(repo.environment());
    git.add_worktree(&own, &WorktreeStart { branch: None, commit: repo.rev("HEAD") }).unwrap();
    let link = repo.base().join("link");
    std::os::unix::fs::symlink(repo.root(), &link).unwrap();
    for (folder, root) in [
        (repo.root().to_owned(), repo.root()),
        (repo.root().join("src/deep"), repo.root()),
        (link.join("src"), repo.root()),
        (linked.join("src"), &linked),
        (own.join("src/deep"), &own),
    ] {
        let found = find(&folder);
        let expected = Project {
            root: root.to_owned(),
            main_root: Some(repo.root().to_owned()),
            common_dir: repo.common_dir(),
            state_dir: repo.root().join(".hew"),
            shared_dir: repo.common_dir().join("hew"),
        };
        assert_eq!(found, expected, "{}", folder.display());
    }
}

#[test]
fn a_bare_repositorys_worktree_keeps_its_state_in_the_git_folder() {
    let repo = TestRepo::new();
    for (name, is_dot_git) in [("bare.git", false), ("wrapped/.git", true)] {
        let bare = repo.base().join(name);
        repo.git(&["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]);
        let tree = repo.base().join(format!("work-{is_dot_git}"));
        repo.git_in(&bare, &["worktree", "add", "--quiet", "-b", "topic", tree.to_str().unwrap()]);
        let found = find(&tree);
        assert_eq!((&found.root, &found.main_root), (&tree, &None), "{name}");
        assert_eq!(found.state_dir, bare.join("hew/state"), "{name}");
        let refused = Project::discover_from(&bare).unwrap_err();
        assert_eq!(refused.code, 2);
        assert!(refused.hint.as_ref().is_some_and(|hint| hint.contains("worktree add")), "{refused:?}");
    }
}

#[test]
fn a_submodule_and_a_separate_git_folder_have_one_state_folder_each() {
    let repo = TestRepo::new();
    let tree = repo.base().join("separate");
    let git_dir = repo.base().join("elsewhere.git");
    let flag = format!("--separate-git-dir={}", git_dir.display());
    repo.git_in(&repo.base(), &["init", "--quiet", &flag, tree.to_str().unwrap()]);
    repo.commit_in(&tree, "Start");
    let linked = repo.base().join("linked");
    repo.git_in(&tree, &["worktree", "add", "--quiet", "-b", "topic", linked.to_str().unwrap()]);
    assert_eq!(find(&tree).state_dir, find(&linked).state_dir);

    let url = tree.to_str().unwrap();
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", url, "module"]);
    let found = find(&repo.root().join("module"));
    assert_eq!(found.main_root, Some(repo.root().join("module")));
    assert_eq!(found.state_dir, repo.root().join("module/.hew"));
}

#[test]
fn what_is_no_project_is_refused_with_what_to_do() {
    let repo = TestRepo::new();
    let outside = repo.base().join("outside");
    fs::create_dir(&outside).unwrap();
    let odd = repo.base().join(std::ffi::OsStr::new("line\nbreak"));
    repo.git_in(&repo.base(), &["init", "--quiet", odd.to_str().unwrap()]);
    let bytes = repo.base().join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff"));
    fs::create_dir(&bytes).unwrap();
    repo.git_in(&bytes, &["init", "--quiet"]);
    for (folder, said, hint) in [
        (outside, "not in a git repository", "git init"),
        (repo.common_dir(), "inside a git folder", "cd"),
        (odd, "line break", "rename"),
        (bytes, "not UTF-8", "rename"),
    ] {
        let failure = Project::discover_from(&folder).unwrap_err();
        assert_eq!(failure.code, 2, "{failure:?}");
        assert!(failure.message.contains(said), "{failure:?}");
        assert!(failure.hint.as_ref().is_some_and(|text| text.contains(hint)), "{failure:?}");
    }
}

#[test]
fn a_repository_of_somebody_elses_is_refused_with_the_setting_that_allows_it() {
    let repo = TestRepo::new();
    // Only root can give a repository away; git is told to take this one for somebody else's, as in its own tests.
    let path = repo.environment().into_iter().find(|(name, _)| name == "PATH").expect("programs are found").1;
    repo.write_script(
        "elsewhere/git",
        "#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 PATH=$REAL_PATH exec git \"$@\"\n",
    );
    let mut hew = repo.hew(&["--json", "task", "list"]);
    let output = hew.env("PATH", repo.root().join("elsewhere")).env("REAL_PATH", path).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let hint = said["hint"].as_str().unwrap();
    assert!(hint.contains("safe.directory") && hint.contains(repo.root().to_str().unwrap()), "{hint}");
}

#[test]
fn the_binary_is_not_led_elsewhere_by_variables_and_names_a_git_it_cannot_use() {
    let repo = TestRepo::new();
    let other = TestRepo::empty();
    let run = |args: &[&str], variables: &[(&str, &Path)]| {
        let mut hew = repo.hew(args);
        hew.envs(variables.iter().copied());
        let output = hew.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text)
    };
    let misleading = [
        ("GIT_DIR", other.common_dir()),
        ("GIT_WORK_TREE", other.root().to_owned()),
        ("GIT_INDEX_FILE", "/x".into()),
    ];
    let misleading: Vec<(&str, &Path)> =
        misleading.iter().map(|(name, path)| (*name, path.as_path())).collect();
    let (code, said) = run(&["--json", "config", "path"], &misleading);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(repo.root().to_str().unwrap()), "{said}");
    repo.write_script("old/git", "#!/bin/sh\necho git version 2.37.9\n");
    for (path, expected) in
        [(repo.root().join("old"), "2.37.9"), (repo.base().join("tmp"), "git can't be run")]
    {
        let (code, said) = run(&["--json", "task", "list"], &[("PATH", &path)]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(expected) && said.contains("2.38"), "{said}");
    }
}

#[test]
fn the_state_of_the_working_tree_is_told_before_a_run() {
    let empty = TestRepo::empty();
    let state = |repo: &TestRepo| launch_state::load(&find(repo.root())).unwrap();
    assert_eq!(state(&empty).head, Head::Unborn(BranchName::from("main")));

    let repo = TestRepo::new();
    let base = repo.rev("HEAD");
    let calm = state(&repo);
    assert_eq!(calm.head, Head::Branch { name: BranchName::from("main"), commit: base.clone() });
    assert_eq!(calm.operation, None);
    repo.write("README.md", "ours\n");
    let ours = repo.commit("ours");
    repo.git(&["checkout", "--quiet", base.as_str()]);
    assert_eq!(state(&repo).head, Head::Detached(base.clone()));
    repo.write("README.md", "theirs\n");
    let theirs = repo.commit("theirs");
    let patch = repo.git(&["format-patch", "-1", "--stdout", theirs.as_str()]) + "\n";
    fs::write(repo.base().join("patch"), patch).unwrap();
    let patch = repo.base().join("patch");
    for (act, name) in [
        (["merge", theirs.as_str()], "merge"),
        (["rebase", theirs.as_str()], "rebase"),
        (["cherry-pick", theirs.as_str()], "cherry-pick"),
        (["revert", base.as_str()], "revert"),
        (["bisect", "start"], "bisect"),
        (["am", patch.to_str().unwrap()], "am"),
    ] {
        repo.git(&["checkout", "--quiet", "-f", "-B", "topic", ours.as_str()]);
        repo.try_git_in(repo.root(), &act);
        let found = state(&repo).operation.unwrap_or_else(|| panic!("{name} is not seen"));
        assert!(found.name.ends_with(name), "{name}: {found:?}");
        let undo: Vec<&str> = found.abort.split(' ').skip(1).collect();
        repo.git(&undo);
        assert_eq!(state(&repo).operation, None, "{name}");
    }
}
