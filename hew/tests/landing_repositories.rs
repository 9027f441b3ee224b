//! What a repository may hold (landing.md L14): names of any bytes, links, modes, filters, submodules, hooks. All of it
//! lands as it is, in calm repositories, in those whose owner's settings are in the way, and from clones.

#![expect(clippy::unwrap_used, reason = "a stage that can not be set ends the test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hew_core::record::IterationOutcome::{Closed, RuntimeError};
use hew_testkit::run_check::{Project, Ran};

const ONE_TRY: [&str; 4] = ["--gate", "true", "--max-attempts", "1"];

/// Modes and names of a commit's files, byte for byte.
fn entries(project: &Project, commit: &str) -> Vec<(String, Vec<u8>)> {
    let listed = project.repo.try_git_in(project.repo.root(), &["ls-tree", "-r", "-z", commit]);
    let lines = listed.stdout.split(|byte| *byte == 0).filter(|line| !line.is_empty());
    let parts = lines.map(|line| {
        let tab = line.iter().position(|byte| *byte == b'\t').unwrap();
        (String::from_utf8_lossy(&line[..6]).into_owned(), line[tab + 1..].to_vec())
    });
    parts.collect()
}

fn entry(mode: &str, name: &[u8]) -> (String, Vec<u8>) {
    (mode.to_owned(), name.to_vec())
}

fn assert_all_landed(project: &Project, ran: &Ran, ids: &[&String]) {
    let landed: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
    assert_eq!(
        (ran.code, ran.landed_ids()),
        (0, landed.iter().map(|id| (*id).to_owned()).collect()),
        "{}",
        ran.stderr
    );
    for id in ids {
        assert_eq!((ran.status(id), ran.outcomes(id)), ("closed", vec![Closed]));
    }
    assert!(ran.worktrees.is_empty(), "{:?}", ran.worktrees);
    assert_eq!(project.repo.rev("main"), project.repo.rev(&ran.branch()));
}

#[test]
fn names_of_any_bytes_links_modes_and_other_cases_land_as_they_are() {
    let make = "set -e; mkdir 'a dir'; echo s > 'a dir/sp ace'; echo q > \"quo\\\"te'd\"; \
        echo n > \"$(printf 'new\\nline')\"; echo b > \"$(printf 'by\\377te')\"; \
        ln -s 'a dir/sp ace' link; printf '#!/bin/sh\\n' > tool; chmod +x tool";
    let change = "set -e; git mv README.md readme.md; chmod -x tool; ln -sfn readme.md link; \
        git rm -q \"quo\\\"te'd\"; git add -A; git commit -qm Changes";
    for project in Project::each() {
        let first = project.add("Leaves it uncommitted", make, &[]);
        let second = project.add("Commits", change, &["--dep", &first]);
        let ran = project.run(&ONE_TRY);
        assert_all_landed(&project, &ran, &[&first, &second]);
        let after_first = entries(&project, ran.landed_sha(&first).unwrap().as_str());
        let expected = [
            entry("100644", b"README.md"),
            entry("100644", b"a dir/sp ace"),
            entry("100644", b"by\xffte"),
            entry("120000", b"link"),
            entry("100644", b"new\nline"),
            entry("100644", b"quo\"te'd"),
            entry("100755", b"tool"),
        ];
        assert_eq!(after_first, expected);
        let left = [
            entry("100644", b"a dir/sp ace"),
            entry("100644", b"by\xffte"),
            entry("120000", b"link"),
            entry("100644", b"new\nline"),
            entry("100644", b"readme.md"),
            entry("100644", b"tool"),
        ];
        assert_eq!(entries(&project, "main"), left);
        let root = project.repo.root();
        assert_eq!(fs::read_link(root.join("link")).unwrap(), Path::new("readme.md"));
        assert_eq!(fs::metadata(root.join("tool")).unwrap().permissions().mode() & 0o111, 0);
        assert!(!root.join("README.md").exists());
        assert_eq!(project.repo.git(&["status", "--porcelain"]), "");
    }
}

#[test]
fn files_that_filters_change_are_plain_for_agents_and_people_and_filtered_in_commits() {
    for project in Project::each() {
        let repo = &project.repo;
        repo.git(&["config", "filter.loud.clean", "tr a-z A-Z"]);
        repo.git(&["config", "filter.loud.smudge", "tr A-Z a-z"]);
        repo.git(&["config", "filter.loud.required", "true"]);
        repo.write(".gitattributes", "*.loud filter=loud -text\n");
        repo.git(&["add", "-A"]);
        repo.git(&["commit", "-q", "-m", "Filters"]);
        let first = project.add("Writes", "echo hello > a.loud", &[]);
        let adds = "grep -qx hello a.loud && echo more >> a.loud && git add -A && git commit -qm More";
        let second = project.add("Adds", adds, &["--dep", &first]);
        let ran =
            project.run(&["--gate", "grep -qx hello a.loud || test ! -e a.loud", "--max-attempts", "1"]);
        assert_all_landed(&project, &ran, &[&first, &second]);
        assert_eq!(repo.git(&["cat-file", "blob", "main:a.loud"]), "HELLO\nMORE");
        assert_eq!(repo.read("a.loud").as_deref(), Some("hello\nmore\n"));
        assert_eq!(repo.git(&["status", "--porcelain"]), "");
    }
}

/// Adds the submodule `lib` to a project. Answers the commit that it is at, and one after it.
fn with_library(project: &Project) -> (String, String) {
    let repo = &project.repo;
    let library = repo.base().join("library");
    fs::create_dir_all(&library).unwrap();
    repo.git_in(&library, &["init", "-q", "-b", "main"]);
    repo.git_in(&library, &["commit", "-q", "--allow-empty", "-m", "One"]);
    let from = library.display().to_string();
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &from, "lib"]);
    repo.git(&["commit", "-q", "-m", "A library"]);
    repo.git_in(&library, &["commit", "-q", "--allow-empty", "-m", "Two"]);
    let at = |name: &str| repo.git_in(&library, &["rev-parse", name]);
    (at("HEAD~1"), at("HEAD"))
}

/// Fills `lib`, as an agent does who builds with it, and puts it at a commit.
fn fills_and_moves(to: &str) -> String {
    format!(
        "git -c protocol.file.allow=always submodule --quiet update --init && git -C lib checkout -q {to} && \
         git add lib && git commit -qm Moves"
    )
}

#[test]
fn submodules_stay_where_they_are_and_go_where_an_agent_puts_them() {
    for project in Project::each() {
        let repo = &project.repo;
        let (one, two) = with_library(&project);
        let unfilled = format!("git update-index --cacheinfo 160000,{two},lib && git commit -qm Moves");
        let moves = if project.is_cloned() { unfilled } else { fills_and_moves(&two) };
        let works = project.add("Works beside it", "echo work > work", &[]);
        let moves = project.add("Moves it", &moves, &["--dep", &works]);
        let last = project.add("Works after it", "echo last > last", &["--dep", &moves]);
        let ran = project.run(&ONE_TRY);
        assert_all_landed(&project, &ran, &[&works, &moves, &last]);
        let at = |commit: &str| repo.git(&["rev-parse", &format!("{commit}:lib")]);
        assert_eq!(at(ran.landed_sha(&works).unwrap().as_str()), one);
        assert_eq!(at("main"), two);
        // The person's own copy of the library is theirs to bring forward.
        assert_eq!(repo.git_in(&repo.root().join("lib"), &["rev-parse", "HEAD"]), one);
        assert_eq!(repo.git(&["diff", "--name-only", "HEAD"]), "lib");
    }
}

/// There git would obey the settings of the submodule's repository, which are the agent's.
#[test]
fn a_submodule_that_an_agent_filled_in_a_clone_ends_the_attempt_and_is_kept() {
    let project = Project::cloned();
    let (one, two) = with_library(&project);
    let fills = project.add("Fills it", &fills_and_moves(&two), &[]);
    let ran = project.run(&ONE_TRY);
    assert_eq!((ran.code, ran.outcomes(&fills)), (1, vec![RuntimeError]), "{}", ran.stderr);
    assert!(ran.notes(&fills).contains("lib is a repository of its own"), "{}", ran.notes(&fills));
    assert_eq!(project.repo.git(&["rev-parse", "main:lib"]), one);
    assert_eq!(ran.worktrees.len(), 1, "its folder is kept: {:?}", ran.worktrees);
    assert!(ran.worktrees[0].join("lib/.git").exists());
}

#[test]
fn the_projects_hooks_run_for_agents_commits_and_not_for_hews_own() {
    let project = Project::new();
    let marks = project.signal("hooks");
    for hook in ["pre-commit", "commit-msg", "pre-merge-commit", "post-merge", "post-checkout", "post-commit"]
    {
        let edit = if hook == "pre-commit" { "echo edited > hooked && git add hooked" } else { "true" };
        let text = format!("#!/bin/sh\necho {hook} >> '{}'\n{edit}\n", marks.display());
        project.repo.write_script(&format!(".git/hooks/{hook}"), &text);
    }
    let commits = project.add("Commits", "echo one > one && git add -A && git commit -qm One", &[]);
    let leaves = project.add("Leaves it uncommitted", "echo two > two", &["--dep", &commits]);
    let ran = project.run(&ONE_TRY);
    assert_all_landed(&project, &ran, &[&commits, &leaves]);
    assert_eq!(fs::read_to_string(&marks).unwrap(), "pre-commit\ncommit-msg\npost-commit\n");
    assert_eq!(project.repo.git(&["ls-tree", "-r", "--name-only", "main"]), "README.md\nhooked\none\ntwo");
}
