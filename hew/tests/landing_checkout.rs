//! The user's checkout and branches: what is theirs stays theirs, and the result comes to them or waits for them.

#![expect(clippy::unwrap_used, reason = "a stage that can not be set ends the test")]

use std::fs;
use std::path::Path;

use hew_core::record::event::DeliveryRecord;
use hew_testkit::repo::TestRepo;
use hew_testkit::run_check::{Checkout, Project, Ran, wait_for};

/// Settings with which git's own merge would squash, stash, make a merge commit, or ask for signatures.
const MERGE_SETTINGS: [(&str, &str); 4] = [
    ("branch.main.mergeOptions", "--squash"),
    ("merge.autostash", "true"),
    ("merge.ff", "no"),
    ("merge.verifySignatures", "true"),
];

/// What a user has on their desk; `.gitignore` names `.env` and `*.local`.
fn desk(settings: &[(&str, &str)]) -> Project {
    let repo = TestRepo::new();
    repo.write(".gitignore", ".env\n*.local\n");
    for file in ["staged", "unstaged", "both", "free"] {
        repo.write(file, &format!("{file} as it was\n"));
    }
    repo.commit("Files");
    for (key, value) in settings {
        repo.git(&["config", key, value]);
    }
    Project::on(repo)
}

fn make_changes(repo: &TestRepo) {
    repo.write("staged", "staged by the user\n");
    repo.write("both", "staged first\n");
    repo.write("new-staged", "new and staged\n");
    repo.git(&["add", "staged", "both", "new-staged"]);
    repo.write("both", "then changed again\n");
    repo.write("unstaged", "changed by the user\n");
    repo.write("untracked", "the user's\n");
    repo.write(".env", "SECRET=1\n");
    repo.write("notes.local", "ignored\n");
}

/// The result waits on the run branch; the one command that finishes it is told.
fn assert_waits(project: &Project, ran: &Ran, before: &Checkout) {
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert_eq!(Checkout::of(&project.repo), *before);
    assert!(matches!(ran.view.delivery, Some(DeliveryRecord::Refused { .. })), "{:?}", ran.view.delivery);
    let [remedy] = ran.remedies() else { panic!("{:?}", ran.remedies()) };
    let again = format!(" && hew loop deliver --run-id {}", ran.id());
    assert!(remedy.starts_with("git stash push ") && remedy.ends_with(&again), "{remedy}");
    assert_eq!(ran.line.len(), 1);
    assert_eq!(project.repo.rev(&ran.branch()), ran.line[0]);
    let in_progress: Vec<_> = ["MERGE_HEAD", "MERGE_AUTOSTASH", "SQUASH_MSG"]
        .into_iter()
        .filter(|name| project.repo.common_dir().join(name).exists())
        .collect();
    assert!(in_progress.is_empty(), "git was left half-way: {in_progress:?}");
}

fn every_setting() -> Vec<Vec<(&'static str, &'static str)>> {
    let each = MERGE_SETTINGS.iter().map(|setting| vec![*setting]);
    each.chain([vec![], MERGE_SETTINGS.to_vec()]).collect()
}

/// L3 (b).
#[test]
fn a_result_that_touches_none_of_the_users_changes_is_delivered_around_them() {
    for settings in every_setting() {
        let project = desk(&settings);
        make_changes(&project.repo);
        let before = Checkout::of(&project.repo);
        project.add(
            "Elsewhere",
            "echo agent > free && echo agent > added && git add -A && git commit -qm w",
            &[],
        );
        let ran = project.run(&["--no-gate"]);
        assert_eq!(ran.code, 0, "{settings:?}: {}", ran.stderr);
        let after = Checkout::of(&project.repo);
        assert_eq!(after.commit, ran.line[0].as_str(), "{settings:?}");
        assert_eq!((after.head.as_str(), after.stash.as_str()), ("main", ""));
        let mut expected = before.files;
        for (name, entry) in &after.files {
            if [Path::new("free"), Path::new("added")].contains(&name.as_path()) {
                assert_eq!(entry.1, b"agent\n");
                expected.insert(name.clone(), entry.clone());
            }
        }
        assert_eq!(after.files, expected, "{settings:?}");
        let staged = |index: &str| -> Vec<String> {
            index
                .lines()
                .filter(|line| !line.ends_with("\tfree") && !line.ends_with("\tadded"))
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(staged(&after.index), staged(&before.index), "{settings:?}");
    }
}

/// L3 (a): each kind of change of the user's, in the way of what landed.
#[test]
fn a_result_that_collides_with_the_users_changes_waits_and_touches_nothing() {
    for file in ["staged", "unstaged", "both", "new-staged", "untracked"] {
        for settings in [vec![], MERGE_SETTINGS.to_vec()] {
            let project = desk(&settings);
            make_changes(&project.repo);
            let before = Checkout::of(&project.repo);
            let id = project.add(
                "In the way",
                &format!("echo agent > {file} && git add -A && git commit -qm w"),
                &[],
            );
            let ran = project.run(&["--no-gate"]);
            assert_waits(&project, &ran, &before);
            assert_eq!(ran.status(&id), "closed");
        }
    }
}

/// What is told to be done first is done, and the delivery comes through; what was put aside is in the stash.
#[test]
fn the_command_that_is_told_puts_aside_what_is_in_the_way_and_delivers() {
    for file in ["unstaged", "new-staged", "untracked", ".env"] {
        let project = desk(&[]);
        make_changes(&project.repo);
        let theirs = project.repo.read(file).unwrap();
        let work = format!("echo agent > {file} && git add -f {file} && git commit -qm w");
        project.add("In the way", &work, &[]);
        let ran = project.run(&["--no-gate"]);
        assert_eq!(ran.code, 3, "{file}: {}", ran.stderr);
        let shown = project.try_hew(&["loop", "summary"]);
        let shown = String::from_utf8_lossy(&shown.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        let remedy = ran.remedies()[0].clone();
        assert!(shown.contains(&format!(": {file} in ")) && shown.contains(&remedy), "{file}: {shown}");

        let (aside, deliver) = remedy.split_once(" && hew ").unwrap();
        let others = Checkout::of(&project.repo).files.len();
        // Whatever folder a person is in.
        std::fs::create_dir(project.repo.root().join("below")).unwrap();
        let words = aside.strip_prefix("git ").unwrap().split(' ');
        project.repo.git(&["-C", "below"].into_iter().chain(words).collect::<Vec<_>>());
        let done = project.try_hew(&deliver.split(' ').collect::<Vec<_>>());
        assert_eq!(done.status.code(), Some(0), "{file}: {}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(project.repo.read(file).as_deref(), Some("agent\n"), "{file}");
        assert_eq!(Checkout::of(&project.repo).files.len(), others, "nothing else was put aside");
        // Git keeps untracked files in a third parent.
        let parent = if ["untracked", ".env"].contains(&file) { "^3" } else { "" };
        let stashed = project.repo.git(&["show", &format!("stash@{{0}}{parent}:{file}")]);
        assert_eq!(stashed, theirs.trim(), "{file}");
    }
}

/// L3 (a), with each of the settings that would change what a merge does, and the way out.
#[test]
fn an_ignored_file_that_an_agent_committed_is_never_overwritten() {
    for settings in every_setting() {
        let project = desk(&settings);
        make_changes(&project.repo);
        let before = Checkout::of(&project.repo);
        project.add("Commits .env", "echo AGENT=1 > .env && git add -f .env && git commit -qm env", &[]);
        let ran = project.run(&["--no-gate"]);
        assert_waits(&project, &ran, &before);
        assert_eq!(before.text(".env").as_deref(), Some("SECRET=1\n"));

        let again = project.try_hew(&["loop", "run", "--scope", "ready"]);
        assert_eq!(again.status.code(), Some(3), "a new run over an undelivered one is refused");
        let said = String::from_utf8_lossy(&again.stderr).into_owned();
        assert!(said.contains("hew loop deliver") && said.contains("--ignore-undelivered"), "{said}");
        assert_eq!(Checkout::of(&project.repo), before);
        let still = project.try_hew(&["loop", "deliver"]);
        assert_eq!(still.status.code(), Some(3), "{}", String::from_utf8_lossy(&still.stderr));
        assert_eq!(Checkout::of(&project.repo), before);

        fs::rename(project.repo.root().join(".env"), project.signal("moved-away")).unwrap();
        let done = project.try_hew(&["loop", "deliver", "--run-id", &ran.id()]);
        assert_eq!(done.status.code(), Some(0), "{settings:?}: {}", String::from_utf8_lossy(&done.stderr));
        let after = Checkout::of(&project.repo);
        assert_eq!((after.commit.as_str(), after.stash.as_str()), (ran.line[0].as_str(), ""));
        assert_eq!(after.text(".env").as_deref(), Some("AGENT=1\n"));
        let others = |checkout: &Checkout| {
            let mut files = checkout.files.clone();
            files.remove(Path::new(".env"));
            files
        };
        assert_eq!(others(&after), others(&before));
        assert_eq!(project.repo.git(&["worktree", "list"]).lines().count(), 1);
        project.repo.fsck_clean();
        assert_eq!(project.run(&["--no-gate"]).code, 0, "nothing is undelivered any more");
    }
}

/// A run in whose middle, with its one agent running, the user does something.
fn while_an_agent_runs(project: &Project, args: &[&str], user: impl FnOnce(&TestRepo)) -> Ran {
    let (runs, go) = (project.signal("runs"), project.signal("go"));
    let (seen, wait) = (runs.display(), go.display());
    let command = format!("touch {seen}; until test -e {wait}; do sleep 0.01; done; echo agent > work");
    project.add("Work", &command, &[]);
    let running = project.start(args);
    wait_for(&runs);
    user(&project.repo);
    fs::write(&go, "").unwrap();
    running.finish()
}

/// L4.
#[test]
fn a_user_who_switches_branch_keeps_their_checkout_and_the_target_is_forwarded_all_the_same() {
    for project in Project::each() {
        let mut before = None;
        let ran = while_an_agent_runs(&project, &["--no-gate"], |repo| {
            repo.git(&["switch", "--quiet", "-c", "mine"]);
            repo.write("mine", "my work\n");
            repo.commit("Mine");
            repo.write("draft", "not committed\n");
            before = Some(Checkout::of(repo));
        });
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(Some(Checkout::of(&project.repo)), before);
        assert_eq!(project.repo.rev("main"), ran.line[0]);
    }
}

/// L4.
#[test]
fn a_user_who_commits_on_the_target_gets_the_result_merged_under_the_gate() {
    for project in Project::each() {
        let mut theirs = None;
        let gate = "test -e README.md && echo gate on $(git rev-parse HEAD)";
        let ran = while_an_agent_runs(&project, &["--gate", gate], |repo| {
            repo.write("mine", "my work\n");
            theirs = Some(repo.commit("Mine"));
            repo.write("draft", "not committed\n");
        });
        let theirs = theirs.unwrap();
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(ran.line.len(), 2, "one landing, and the target merged in");
        let merge = &ran.line[1];
        let parents = project.repo.git(&["show", "--no-patch", "--format=%P", merge.as_str()]);
        assert_eq!(parents, format!("{} {theirs}", ran.line[0]));
        assert_eq!(project.repo.rev("main"), *merge);
        let log = fs::read_to_string(ran.folder.join("deliver-gate.log")).unwrap();
        assert!(log.contains(&format!("gate on {merge}")), "the gate ran on what was delivered: {log}");
        for (file, text) in [("mine", "my work\n"), ("draft", "not committed\n"), ("work", "agent\n")] {
            let found = project.repo.read(file).map(|text| text.replace("\r\n", "\n"));
            assert_eq!(found.as_deref(), Some(text), "{file}");
        }
        assert_eq!(project.repo.git(&["status", "--porcelain"]), "?? draft");
    }
}

/// L4: green alone and red together with what the user committed.
#[test]
fn a_target_that_makes_the_result_red_is_left_where_the_user_put_it() {
    let project = Project::new();
    let mut before = None;
    let ran = while_an_agent_runs(&project, &["--gate", "! { test -e mine && test -e work; }"], |repo| {
        repo.write("mine", "my work\n");
        repo.commit("Mine");
        before = Some(Checkout::of(repo));
    });
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert_eq!(Some(Checkout::of(&project.repo)), before);
    assert_eq!(ran.line.len(), 1, "nothing red is on the run branch");
    let (branch, id) = (ran.branch(), ran.id());
    let asked = format!("git switch main && git merge {branch} && hew loop deliver --run-id {id}");
    assert_eq!(ran.remedies(), [asked]);
}

/// L4.
#[test]
fn a_commit_of_the_users_that_conflicts_with_the_result_stays_and_so_does_the_result() {
    for project in Project::each() {
        let mut before = None;
        let ran = while_an_agent_runs(&project, &["--no-gate"], |repo| {
            repo.write("work", "my own work\n");
            repo.commit("Mine");
            before = Some(Checkout::of(repo));
        });
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        assert_eq!(Some(Checkout::of(&project.repo)), before);
        assert_eq!(project.repo.git(&["show", &format!("{}:work", ran.branch())]), "agent");
        let Some(DeliveryRecord::Refused { reason, .. }) = &ran.view.delivery else {
            panic!("{:?}", ran.view.delivery)
        };
        assert!(reason.contains("conflicts") && reason.contains("work"), "{reason}");
        // The person does what they are told, and resolves.
        let merged = project.repo.try_git_in(project.repo.root(), &["merge", "--quiet", &ran.branch()]);
        assert!(!merged.status.success());
        project.repo.write("work", "both\n");
        project.repo.commit("Resolve");
        assert_eq!(
            project.run(&["--no-gate"]).code,
            0,
            "the run counts as delivered once a person merged it"
        );
    }
}

/// L4: a branch switched to another one that is at the target's old commit, and the target deleted.
#[test]
fn a_target_that_is_gone_is_not_made_again_behind_the_users_back() {
    let project = Project::new();
    let ran = while_an_agent_runs(&project, &["--no-gate"], |repo| {
        repo.git(&["branch", "-m", "main", "renamed"]);
    });
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let branches = project.repo.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
    assert_eq!(branches.lines().collect::<Vec<_>>(), [ran.branch().as_str(), "renamed"]);
    let asked = format!("git branch main {} && hew loop deliver --run-id {}", ran.line[0], ran.id());
    assert_eq!(ran.remedies(), [asked]);
}

/// Commits that somebody put on the run branch, in the run and at a delivery that was refused and tried again: each is
/// put aside under a ref of its own, and none is built upon.
#[test]
fn whatever_is_found_on_the_run_branch_is_kept_and_the_delivery_does_not_lose_it() {
    let project = desk(&[]);
    let (runs, go) = (project.signal("runs"), project.signal("go"));
    let (seen, wait) = (runs.display(), go.display());
    // Nobody is seen to do it: git tells nothing.
    let meddle = "unset GIT_TRACE2_EVENT && foreign=$(git commit-tree -m meddled-$HEW_ITER HEAD^{tree}) && \
        git update-ref refs/heads/loop/$HEW_RUN_ID/main $foreign";
    let first = project.add("One", &format!("{meddle} && echo 1 > one"), &[]);
    let second =
        format!("{meddle}; touch {seen}; until test -e {wait}; do sleep 0.01; done; echo agent > untracked");
    // Only then has the first landed, and what it put on the branch been put aside.
    project.add("Two", &second, &["--dep", &first]);
    let running = project.start(&["--no-gate"]);
    wait_for(&runs);
    project.repo.write("mine", "my work\n");
    project.repo.commit("Mine");
    project.repo.write("untracked", "in the way\n");
    fs::write(&go, "").unwrap();
    let ran = running.finish();
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert_eq!((ran.landed_ids().len(), ran.line.len()), (2, 3));

    fs::rename(project.repo.root().join("untracked"), project.signal("moved-away")).unwrap();
    project.repo.write("mine", "my second work\n");
    let mine = project.repo.commit("Mine again");
    let done = project.try_hew(&["loop", "deliver"]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let after = Checkout::of(&project.repo);
    assert_eq!(after.text("mine").as_deref(), Some("my second work\n"));
    assert_eq!(after.text("untracked").as_deref(), Some("agent\n"));
    project.repo.git(&["merge-base", "--is-ancestor", mine.as_str(), "main"]);
    let kept = project.repo.git(&["log", "--all", "--format=%s", "--grep=meddled"]);
    let mut kept: Vec<_> = kept.lines().collect();
    kept.sort_unstable();
    assert_eq!(kept, ["meddled-1", "meddled-2"]);
    let on_target = project.repo.git(&["log", "main", "--format=%s", "--grep=meddled"]);
    assert_eq!(on_target, "");
    assert_eq!(project.repo.git(&["worktree", "list"]).lines().count(), 1);
    project.repo.fsck_clean();
}

/// The target moved, was merged into the run branch, and could not be forwarded because of the user's files: the merge is
/// the result from then on, at the run's end and at a later delivery that is refused again.
#[test]
fn a_target_that_was_merged_once_is_not_merged_again() {
    let project = desk(&[]);
    let ran = while_an_agent_runs(&project, &["--no-gate"], |repo| {
        repo.write("mine", "my work\n");
        repo.commit("Mine");
        repo.write("work", "in the way\n");
    });
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let merged = project.repo.rev(&ran.branch());
    assert_eq!(project.repo.git(&["log", "--format=%s", "-1", merged.as_str()]), "Merge main into the run");
    // A second merge within one second would be the same commit, so the ledger tells.
    let ledger = || fs::read_to_string(project.repo.common_dir().join("hew/runs.jsonl")).unwrap();
    let last_tip = || ledger().lines().last().unwrap().contains(project.repo.rev(&ran.branch()).as_str());
    assert!(last_tip(), "{}", ledger());
    let refused = project.try_hew(&["loop", "deliver"]);
    assert_eq!(refused.status.code(), Some(3), "{}", String::from_utf8_lossy(&refused.stderr));
    assert_eq!(project.repo.rev(&ran.branch()), merged);

    // Once more the target moves, and the merge is made by a delivery of its own.
    project.repo.write("mine", "my second work\n");
    project.repo.git(&["commit", "--quiet", "-m", "Mine again", "mine"]);
    let refused = project.try_hew(&["loop", "deliver"]);
    assert_eq!(refused.status.code(), Some(3), "{}", String::from_utf8_lossy(&refused.stderr));
    let merged = project.repo.rev(&ran.branch());
    assert!(last_tip(), "{}", ledger());
    fs::remove_file(project.repo.root().join("work")).unwrap();
    let done = project.try_hew(&["loop", "deliver"]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(project.repo.rev("main"), merged);
}

/// `--ignore-undelivered`: the result stays where it is, and is not asked for again.
#[test]
fn a_result_that_a_person_went_on_without_is_kept_and_holds_up_no_later_run() {
    let project = desk(&[]);
    project.repo.write("work", "in the way\n");
    project.add("In the way", "echo agent > work && git add -A && git commit -qm w", &[]);
    let ran = project.run(&["--no-gate"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let went_on = project.run(&["--no-gate", "--ignore-undelivered"]);
    assert_eq!(went_on.code, 0, "{}", went_on.stderr);
    let said = format!("going on without run {}; its result stays on branch {}", ran.id(), ran.branch());
    assert!(went_on.stderr.contains(&said), "{}", went_on.stderr);
    assert_eq!(project.run(&["--no-gate"]).code, 0, "it is not asked for again");
    fs::remove_file(project.repo.root().join("work")).unwrap();
    let late = project.try_hew(&["loop", "deliver", "--run-id", &ran.id()]);
    assert_eq!(late.status.code(), Some(0), "{}", String::from_utf8_lossy(&late.stderr));
    assert_eq!(project.repo.rev("main"), ran.line[0]);
}
