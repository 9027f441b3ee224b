//! What agents share with the user, through the real binary and real git: a change
//! with evidence is an escape, and nothing of it lands; a change without evidence is told, and fails nothing.

#![expect(clippy::unwrap_used, reason = "a stage that can not be set ends the test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use hew_core::escape::{Change, Escape, Evidence, Subject};
use hew_core::record::IterationOutcome::{Closed, RuntimeError};
use hew_core::record::event::DeliveryRecord;
use hew_core::record::view::IterationView;
use hew_core::worktree::names;
use hew_testkit::loop_stage::LoopStage;
use hew_testkit::run_check::{Checkout, Project, Ran, wait_for};
use serde_json::{Value, json};

const ONE_TRY: [&str; 3] = ["--no-gate", "--max-attempts", "1"];

fn only<'a>(ran: &'a Ran, id: &str) -> &'a IterationView {
    let found = ran.iterations(id);
    assert_eq!(found.len(), 1, "{}", ran.stderr);
    found[0]
}

/// The one escape of a task's one iteration: it failed for that, its work is anchored and did not land.
fn escape<'a>(project: &Project, ran: &'a Ran, id: &str) -> &'a Escape {
    let view = only(ran, id);
    assert_eq!(ran.outcomes(id), [RuntimeError], "{}", ran.stderr);
    assert_eq!(view.landed_sha, None);
    assert!(ran.has_label(id, "hew:parked"), "{}", ran.notes(id));
    let reason = view.reason.as_deref().unwrap();
    assert!(reason.starts_with("it changed what is not its own: "), "{reason}");
    let anchor = names::anchor(ran.view.run_id().unwrap(), view.id);
    assert_eq!(project.repo.git(&["show", &format!("{anchor}:work")]), "work");
    assert_eq!(view.escapes.len(), 1, "{:#?}", view.escapes);
    assert_eq!(ran.view.escapes.escape_count, 1);
    assert_eq!(ran.view.escapes.escapes[0].iteration, Some(view.id));
    &view.escapes[0]
}

fn subject(kind: fn(String) -> Subject, name: &str) -> Subject {
    kind(name.to_owned())
}

fn is_git(escape: &Escape, words: &str) -> bool {
    escape
        .evidence
        .iter()
        .any(|seen| matches!(seen, Evidence::Git { command, .. } if command.contains(words)))
}

/// Files a task that does its work, and this besides.
fn culprit(project: &Project, command: &str) -> String {
    project.add(
        "Culprit",
        &format!("echo work > work && git add work && git commit -qm work && {{ {command}; }}"),
        &[],
    )
}

fn bystander(project: &Project) -> String {
    project.add("Bystander", "echo other > other && git add -A && git commit -qm other", &["-p", "4"])
}

fn foreign(ran: &Ran) -> Vec<&Subject> {
    ran.view.escapes.foreign.iter().map(|found| &found.change.subject).collect()
}

/// Files a task for an agent that speaks claude's form: one call of Bash with this command, which the script does, too.
fn add_talker(project: &Project, title: &str, call: &str, script: &str) -> String {
    let id = project.hew(&["task", "add", title, "--id-only", "--runtime", "talker"]);
    let tool = json!({"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": call}});
    let message = json!({"id": "m1", "model": "m", "content": [tool]});
    let lines = [
        json!({"type": "system", "subtype": "init", "session_id": "s", "model": "m"}),
        json!({"type": "assistant", "session_id": "s", "message": message}),
    ];
    let end = json!({"type": "result", "subtype": "success", "is_error": false, "session_id": "s", "result": "did it"});
    let script = format!(
        "print {}\nprint {}\nwrite work work\\n\n{script}\nprint {end}\ndone",
        lines[0],
        lines[1].to_string().replace("PROJECT", "${HEW_PROJECT}")
    );
    fs::write(project.scripts().join(&id), script).unwrap();
    id
}

fn with_talker() -> Project {
    let project = Project::new();
    let stub = hew_testkit::stub_agent::path();
    project.settings(&format!(
        "[loop.runtime_defs.talker]\ncommand = \"{}\"\noutput = \"claude-stream\"\n\
         [loop.runtime_defs.talker.env]\nHEW_STUB_SCRIPT = \"{}\"\n",
        stub.display(),
        project.scripts().display()
    ));
    project
}

/// L8: the target, and the user's checkout with it.
#[test]
fn a_commit_in_the_users_checkout_is_an_escape_and_the_target_waits_for_a_person() {
    let project = Project::new();
    let launch = project.repo.rev("main");
    let id = culprit(&project, "git -C \"$HEW_PROJECT\" commit -q --allow-empty -m theirs");
    let other = bystander(&project);
    let ran = project.run(&ONE_TRY);
    assert_eq!((ran.code, ran.landed_ids()), (3, vec![other.clone()]), "{}", ran.stderr);
    let theirs = project.repo.rev("main");
    assert_eq!(project.repo.git(&["log", "--format=%s", "main"]), "theirs\nStart");
    let found = escape(&project, &ran, &id);
    assert_eq!(
        found.change,
        Change {
            subject: subject(Subject::Branch, "main"),
            before: Some(launch.to_string()),
            after: Some(theirs.to_string())
        }
    );
    assert!(is_git(found, "commit -q --allow-empty") && !found.put_back, "{found:?}");
    assert_eq!((ran.status(&id), ran.status(&other)), ("open", "closed"));
    // Nothing is built upon what the agent did to the target.
    let Some(DeliveryRecord::Refused { reason, .. }) = &ran.view.delivery else {
        panic!("{:?}", ran.view.delivery)
    };
    assert!(reason.contains("moved it"), "{reason}");
    assert_eq!(ran.line.len(), 1);
    assert_eq!(ran.remedies().len(), 2, "{:?}", ran.remedies());
    // Once a person has looked, they deliver.
    project.hew(&["loop", "deliver"]);
    assert_eq!(project.repo.git(&["ls-tree", "--name-only", "main"]), "README.md\nother");
    assert_eq!(project.repo.git(&["status", "--porcelain"]), "");
}

/// L8: another branch of the user's, moved and deleted; what it was stays reachable, whatever is collected after that.
#[test]
fn a_branch_of_the_users_that_is_moved_or_deleted_is_an_escape_and_nothing_of_it_is_lost() {
    for (how, is_gone) in [
        ("git update-ref refs/heads/topic HEAD", false),
        ("git branch -qD topic && git reflog expire --expire=now --all", true),
        ("git push -q . +HEAD:topic", false),
    ] {
        let project = Project::new();
        let tree = project.repo.rev("main^{tree}");
        let topic = project.repo.git(&["commit-tree", "-m", "topic", tree.as_str()]);
        project.repo.git(&["branch", "topic", &topic]);
        let id = culprit(&project, how);
        let other = bystander(&project);
        let ran = project.run(&ONE_TRY);
        assert_eq!((ran.code, ran.landed_ids()), (3, vec![other]), "{how}: {}", ran.stderr);
        let found = escape(&project, &ran, &id);
        assert_eq!(found.change.subject, subject(Subject::Branch, "topic"), "{how}");
        assert_eq!(
            (found.change.before.as_ref(), found.change.after.is_none()),
            (Some(&topic), is_gone),
            "{how}"
        );
        project.repo.git(&["gc", "--quiet", "--prune=now"]);
        assert_eq!(project.repo.git(&["log", "-1", "--format=%s", &topic]), "topic", "{how}");
        assert_eq!(ran.remedies(), [found.change.look()], "{how}");
        assert_eq!(project.repo.rev("main"), ran.line[0], "the result is delivered all the same");
        assert_eq!(foreign(&ran), [] as [&Subject; 0]);
    }
}

/// L8: HEAD of the agent's own worktree goes to the target, against git's advice.
#[test]
fn commits_on_the_target_from_the_agents_own_worktree_are_an_escape() {
    let project = Project::new();
    let command = "git checkout -q --ignore-other-worktrees main && echo on > main-file && git add -A && git commit -qm on";
    let id = culprit(&project, command);
    let ran = project.run(&ONE_TRY);
    assert_eq!((ran.code, ran.line.len()), (3, 0), "{}", ran.stderr);
    let view = only(&ran, &id);
    assert_eq!((ran.outcomes(&id), view.escapes.len()), (vec![RuntimeError], 1), "{:?}", view.escapes);
    assert_eq!(view.escapes[0].change.subject, subject(Subject::Branch, "main"));
    // What it had committed at home is kept beside what it left on the target.
    let anchor = names::anchor(ran.view.run_id().unwrap(), view.id);
    assert_eq!(project.repo.git(&["show", &format!("{anchor}-branch:work")]), "work");
    assert_eq!(
        foreign(&ran),
        [] as [&Subject; 0],
        "what the move alone shows in the checkout is no change of its own"
    );
    assert_eq!(project.repo.git(&["log", "-1", "--format=%s", "main"]), "on");
}

/// L8: the run branch, by whoever can be named.
#[test]
fn a_moved_or_deleted_run_branch_is_put_back_and_fails_the_iteration_that_did_it() {
    for how in [
        "git update-ref refs/heads/loop/$HEW_RUN_ID/main $(git commit-tree -m meddled HEAD^{tree})",
        "git update-ref -d refs/heads/loop/$HEW_RUN_ID/main",
    ] {
        let project = Project::new();
        let id = culprit(&project, how);
        let other = bystander(&project);
        let ran = project.run(&ONE_TRY);
        assert_eq!((ran.code, ran.landed_ids()), (1, vec![other]), "{how}: {}", ran.stderr);
        let found = escape(&project, &ran, &id);
        assert_eq!(found.change.subject, subject(Subject::Branch, &ran.branch()), "{how}");
        assert!(found.put_back && is_git(found, "update-ref"), "{found:?}");
        assert_eq!(ran.line.len(), 1);
        if let Some(after) = &found.change.after {
            assert_eq!(project.repo.git(&["log", "-1", "--format=%s", after]), "meddled");
        }
        assert_eq!(ran.remedies(), [""; 0]);
    }
}

/// The run branch is the agents' business alone: an escape of the run, where git did not tell who it was.
#[test]
fn a_run_branch_that_nobody_is_seen_to_move_is_an_escape_of_the_run_and_fails_nobody() {
    let project = Project::new();
    let id = culprit(
        &project,
        "env -u GIT_TRACE2_EVENT git update-ref refs/heads/loop/$HEW_RUN_ID/main $(git commit-tree -m meddled HEAD^{tree})",
    );
    let ran = project.run(&ONE_TRY);
    assert_eq!((ran.code, ran.outcomes(&id)), (0, vec![Closed]), "{}", ran.stderr);
    let escapes = &ran.view.escapes.escapes;
    assert_eq!((escapes.len(), escapes[0].iteration), (1, None));
    assert_eq!(escapes[0].escape.evidence, [Evidence::OnlyAgents]);
    assert!(escapes[0].escape.put_back);
    assert_eq!(project.repo.rev("main"), ran.line[0]);
}

/// What hew itself did to the run branch is nobody's escape: it merged a target that a person had moved.
#[test]
fn a_target_that_moves_while_a_watching_run_is_idle_makes_no_escape() {
    let stage = LoopStage::new();
    let writes = |name: &str| format!("write {name}.txt {name}\ncommit {name}\ndone");
    stage.task("First", &writes("first"));
    let mut run = stage.start(&["--watch", "--no-gate"]);
    run.wait_until("the first delivery", || stage.repo.read("first.txt").is_some());
    run.wait_until("its record", || stage.journal_of("delivery").len() == 1);
    stage.repo.write("mine", "mine");
    let mine = stage.repo.commit("Mine");
    for (name, count) in [("second", 2), ("third", 3)] {
        stage.script("default", &writes(name));
        stage.ok(&["task", "add", "--id-only", name]);
        run.wait_until("the next delivery", || stage.journal_of("delivery").len() == count);
    }
    stage.ok(&["loop", "cancel"]);
    let ran = run.end();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.journal_of("escaped").len(), 0, "{:#?}", stage.journal_of("escaped"));
    let files = stage.repo.git(&["ls-tree", "--name-only", "main"]);
    assert_eq!(files, "README.md\nfirst.txt\nmine\nsecond.txt\nthird.txt");
    stage.repo.git(&["merge-base", "--is-ancestor", mine.as_str(), "main"]);
}

/// L8: a sibling's branch.
#[test]
fn moving_a_siblings_branch_is_an_escape() {
    let project = Project::new();
    let (runs, go) = (project.signal("runs"), project.signal("go"));
    let wait = format!("until test -e {}; do sleep 0.01; done", runs.display());
    let id = culprit(
        &project,
        &format!(
            "{wait}; for w in 0 1; do test $w = $HEW_WORKER || git update-ref refs/heads/loop/$HEW_RUN_ID/w$w HEAD; done; \
             touch {}",
            go.display()
        ),
    );
    let other = project.add(
        "Bystander",
        &format!(
            "touch {}; until test -e {}; do sleep 0.01; done; echo other > other",
            runs.display(),
            go.display()
        ),
        &[],
    );
    let ran = project.run(&[&ONE_TRY[..], &["--jobs", "2"]].concat());
    let found = escape(&project, &ran, &id);
    let sibling = format!("loop/{}/w{}", ran.id(), 1 - only(&ran, &id).id.worker.0);
    assert_eq!(found.change.subject, subject(Subject::Branch, &sibling));
    assert_eq!((ran.code, ran.outcomes(&other)), (3, vec![Closed]), "{}", ran.stderr);
    let files = project.repo.git(&["ls-tree", "--name-only", "main"]);
    assert_eq!(files, "README.md\nother", "what escaped landed under another name");
}

/// L8: git's settings. What runs code is put back; the rest is told.
#[test]
fn settings_that_run_code_are_put_back_and_others_are_told() {
    let project = Project::new();
    project.repo.git(&["config", "alias.mine", "status"]);
    let config = project.repo.common_dir().join("config");
    let before = fs::read_to_string(&config).unwrap();
    let id = culprit(
        &project,
        "git config core.hooksPath /tmp/evil && git config alias.st '!sh' && git config alias.mine '!sh' && \
         git config core.fsmonitor /tmp/evil && git config filter.x.clean evil",
    );
    let other = bystander(&project);
    let ran = project.run(&ONE_TRY);
    assert_eq!((ran.code, ran.landed_ids()), (1, vec![other]), "{}", ran.stderr);
    let escapes = &only(&ran, &id).escapes;
    assert_eq!(escapes.len(), 5, "{escapes:#?}");
    assert!(escapes.iter().all(|found| found.put_back && is_git(found, "config")), "{escapes:#?}");
    assert_eq!(fs::read_to_string(&config).unwrap(), before);
    let value = |key: &str| {
        escapes.iter().find(|found| found.change.subject == subject(Subject::Setting, key)).unwrap()
    };
    assert_eq!(value("core.hookspath").change.after.as_deref(), Some("/tmp/evil"));
    assert_eq!(value("alias.mine").change.before.as_deref(), Some("status"));

    let project = Project::new();
    let id = culprit(&project, "git config user.name agent");
    let ran = project.run(&ONE_TRY);
    let found = escape(&project, &ran, &id);
    assert_eq!((ran.code, found.put_back), (3, false));
    assert_eq!(project.repo.git(&["config", "user.name"]), "agent");
    assert_eq!(ran.remedies(), ["git config --show-origin --get-all user.name"]);
}

/// L8: `core.bare` breaks the user's checkout, and is mended while the run goes on.
#[test]
fn a_checkout_that_an_agent_broke_by_a_setting_works_again() {
    let project = Project::new();
    let id = culprit(&project, "git config core.bare true");
    let other = bystander(&project);
    let ran = project.run(&ONE_TRY);
    assert_eq!((ran.code, ran.landed_ids()), (1, vec![other]), "{}", ran.stderr);
    assert!(only(&ran, &id).escapes.iter().all(|found| found.put_back), "{:?}", only(&ran, &id).escapes);
    assert_eq!(project.repo.git(&["config", "core.bare"]), "false");
    assert_eq!(project.repo.git(&["status", "--porcelain"]), "");
}

/// L8: a write into the checkout that the transcript shows.
#[test]
fn a_write_into_the_checkout_that_a_tool_call_names_is_an_escape() {
    let project = with_talker();
    let id = add_talker(
        &project,
        "Writes",
        "cd PROJECT && echo agent > README.md",
        "write ${HEW_PROJECT}/README.md agent\\n",
    );
    let other = bystander(&project);
    let ran = project.run(&ONE_TRY);
    assert_eq!((ran.code, ran.landed_ids()), (3, vec![other]), "{}", ran.stderr);
    let found = escape(&project, &ran, &id);
    assert_eq!(found.change.subject, subject(Subject::File, "README.md"));
    assert!(matches!(&found.evidence[0], Evidence::ToolCall { tool, .. } if tool == "Bash"), "{found:?}");
    assert_eq!(project.repo.read("README.md").as_deref(), Some("agent\n"), "it is only told");
    assert_eq!(ran.remedies(), ["git status -- README.md"]);
}

/// L8: a hook is told, and stays for a person to look at.
#[test]
fn a_hook_that_an_agent_made_is_an_escape() {
    let project = with_talker();
    let id = add_talker(
        &project,
        "Hooks",
        "echo evil > PROJECT/.git/hooks/pre-commit",
        "write ${HEW_PROJECT}/.git/hooks/pre-commit evil\\n",
    );
    let ran = project.run(&ONE_TRY);
    let found = escape(&project, &ran, &id);
    assert_eq!((ran.code, &found.change.subject), (3, &subject(Subject::Hook, "pre-commit")));
}

/// L8: the same write with nothing that shows it, and one that an agent only looked at.
#[test]
fn a_write_that_nothing_shows_is_a_foreign_change_and_fails_nothing() {
    let project = with_talker();
    let silent = project.add("Silent", "echo work > quiet; echo agent > \"$HEW_PROJECT/untracked\"", &[]);
    let looks =
        add_talker(&project, "Looks", "cat PROJECT/README.md", "write ${HEW_PROJECT}/README.md agent\\n");
    let ran = project.run(&ONE_TRY);
    assert_eq!(
        (ran.code, ran.outcomes(&silent), ran.outcomes(&looks)),
        (0, vec![Closed], vec![Closed]),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.view.escapes.escape_count, 0);
    let expected = [subject(Subject::File, "README.md"), subject(Subject::File, "untracked")];
    let mut found = foreign(&ran);
    found.sort();
    assert_eq!(found, [&expected[0], &expected[1]]);
    assert_eq!(ran.remedies(), [""; 0]);
}

/// L8: everything that a person and their editor do meanwhile, while agents use git, too.
#[test]
fn nothing_that_the_user_does_meanwhile_fails_an_iteration() {
    let project = Project::new();
    let repo = &project.repo;
    repo.git(&["branch", "topic"]);
    repo.git(&["remote", "add", "here", repo.root().to_str().unwrap()]);
    let (runs, go) = (project.signal("runs"), project.signal("go"));
    let command = format!(
        "echo work > work; git add -A; git commit -qm work; git branch mine; git tag v; touch {}; \
         until test -e {}; do sleep 0.01; done; git -C \"$HEW_PROJECT\" log -1 main; git diff main; git branch -D mine",
        runs.display(),
        go.display()
    );
    let id = project.add("Works", &command, &[]);
    let running = project.start(&ONE_TRY);
    wait_for(&runs);
    repo.write("README.md", "edited\n");
    repo.write("staged", "staged\n");
    repo.git(&["add", "staged"]);
    repo.git(&["stash", "push", "--quiet", "--include-untracked"]);
    repo.git(&["stash", "apply", "--quiet"]);
    repo.git(&["fetch", "--quiet", "here"]);
    repo.git(&["branch", "--force", "topic", "main"]);
    repo.git(&["switch", "--quiet", "--create", "away"]);
    repo.write("committed", "mine\n");
    repo.git(&["add", "committed"]);
    repo.git(&["commit", "--quiet", "-m", "Mine"]);
    repo.git(&["config", "user.signingkey", "mine"]);
    repo.git(&["config", "alias.mine", "!true"]);
    let hook = repo.common_dir().join("hooks/post-checkout");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    repo.git(&["pack-refs", "--all"]);
    let before = Checkout::of(repo);
    fs::write(&go, "").unwrap();
    let ran = running.finish();
    assert_eq!((ran.code, ran.outcomes(&id)), (0, vec![Closed]), "{}", ran.stderr);
    assert_eq!(ran.view.escapes.escape_count, 0, "{:#?}", ran.view.escapes);
    assert_eq!(Checkout::of(repo), before);
    assert_eq!(repo.rev("main"), ran.line[0]);
    assert_eq!(repo.git(&["config", "alias.mine"]), "!true");
    let found = foreign(&ran);
    for expected in [
        subject(Subject::Setting, "alias.mine"),
        subject(Subject::Setting, "user.signingkey"),
        subject(Subject::Hook, "post-checkout"),
        subject(Subject::File, "README.md"),
    ] {
        assert!(found.contains(&&expected), "{expected:?}: {found:?}");
    }
    assert!(
        !found.iter().any(|subject| matches!(subject, Subject::Branch(name) if name.contains("loop/"))),
        "{found:?}"
    );
}

/// After an escape the next attempt finds nothing that it did not set up itself.
#[test]
fn the_worktree_is_cleaned_of_everything_after_an_escape_and_set_up_again() {
    let project = Project::new();
    project.settings("[loop.worktree]\nsetup = \"test ! -e cache && touch cache && echo set-up >> \\\"$TMPDIR/count\\\"\"\n");
    project.repo.write(".gitignore", "cache\nleft\n");
    project.repo.commit("Ignore");
    let command = "touch left.$HEW_ATTEMPT left; ls > seen; rm -f left.*; \
        test $HEW_ATTEMPT = 2 || git config core.hooksPath x";
    let id = project.add("Twice", command, &[]);
    let ran = project.run(&["--no-gate", "--max-attempts", "2"]);
    assert_eq!((ran.code, ran.outcomes(&id)), (0, vec![RuntimeError, Closed]), "{}", ran.stderr);
    let second = names::anchor(ran.view.run_id().unwrap(), ran.iterations(&id)[1].id);
    let seen = project.repo.git(&["show", &format!("{second}:seen")]);
    assert_eq!(seen.lines().collect::<Vec<_>>(), ["README.md", "cache", "left", "left.2", "seen"]);
    let prompt = ran.iteration_file(ran.iterations(&id)[1].id, "prompt.md");
    assert!(prompt.contains("core.hookspath"), "{prompt}");
}

/// L9.
#[test]
fn whatever_an_agent_does_to_git_the_run_goes_on_and_landed_work_stays() {
    for (how, is_lost) in [
        ("git reset -q --hard HEAD~1", false),
        ("git checkout -q main || true", false),
        ("git worktree prune --expire=now", false),
        ("git gc --quiet --prune=now", false),
        ("echo x > README.md; git stash -q; git stash drop -q", false),
        ("git reflog expire --expire=now --all; git gc --quiet --prune=now", false),
        ("rm -rf \"$PWD\"", true),
        ("rm .git", false),
        ("rm -rf .git && git init -q . && git add -A && git commit -qm own", true),
        ("rm .git; git -C \"$PWD\" add -A; git commit -qm lost || true", false),
    ] {
        let project = Project::new();
        project.repo.write("README.md", "second\n");
        let launch = project.repo.commit("Second");
        let first = project.add("First", "echo first > first && git add -A && git commit -qm first", &[]);
        let id = project.add(
            "Culprit",
            &format!("echo work > work && git add work && git commit -qm work; {how}; true"),
            &["--dep", &first],
        );
        let last = project.add("Last", "echo last > last", &["--dep", &first]);
        let ran = project.run(&ONE_TRY);
        let landed = ran.landed_ids();
        assert!(landed.contains(&first) && landed.contains(&last), "{how}: {landed:?} {}", ran.stderr);
        assert_eq!(ran.status(&first), "closed", "{how}");
        assert_eq!(ran.view.escapes.escape_count, 0, "{how}: {:?}", ran.view.escapes);
        assert_eq!(foreign(&ran), [] as [&Subject; 0], "{how}");
        let expected = if is_lost { RuntimeError } else { ran.outcomes(&id)[0] };
        assert_eq!(ran.outcomes(&id), [expected], "{how}");
        assert_eq!(project.repo.rev("main"), *ran.line.last().unwrap(), "{how}");
        project.repo.git(&["merge-base", "--is-ancestor", launch.as_str(), "main"]);
        let files = project.repo.git(&["ls-tree", "--name-only", "main"]);
        assert!(files.contains("first") && files.contains("last"), "{how}: {files}");
        assert_eq!(project.repo.git(&["status", "--porcelain"]), "", "{how}");
    }
}

/// Views tell both apart, and what to do.
#[test]
fn every_view_shows_escapes_and_foreign_changes_apart() {
    let project = Project::new();
    let id = culprit(&project, "git config user.name agent; echo quiet > \"$HEW_PROJECT/quiet\"");
    let ran = project.run(&ONE_TRY);
    assert_eq!(ran.code, 3);
    let iteration = only(&ran, &id).id.to_string();
    assert!(
        ran.stderr.contains(&format!("escape: {iteration} changed what is not its own")),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("foreign change: quiet changed in your checkout"), "{}", ran.stderr);
    let summary = project.hew(&["loop", "summary"]);
    for words in [
        "escapes: agents changed what is not theirs",
        "git's setting user.name changed (`git config user.name agent`",
        "foreign changes: nothing shows that an agent did it",
        "quiet changed in your checkout",
        "git config --show-origin --get-all user.name",
    ] {
        assert!(
            summary.split_whitespace().collect::<Vec<_>>().join(" ").contains(words),
            "{words}: {summary}"
        );
    }
    let value: Value = serde_json::from_str(&project.hew(&["--json", "loop", "summary"])).unwrap();
    assert_eq!(value["escape_count"], 1);
    assert_eq!(value["escapes"][0]["subject"], "setting");
    assert_eq!(value["escapes"][0]["name"], "user.name");
    assert_eq!(value["escapes"][0]["evidence"][0]["by"], "git");
    assert_eq!(value["foreign_changes"][0]["name"], "quiet");
    let status: Value = serde_json::from_str(&project.hew(&["--json", "loop", "status"])).unwrap();
    assert_eq!((&status["escapes"], &status["foreign_changes"]), (&json!(1), &json!(1)));
    assert!(project.hew(&["loop", "status"]).contains("user.name"));
    assert!(project.hew(&["loop", "logs"]).contains("runtime_error (escape)"));
    let rows = project.hew(&["--json", "loop", "logs"]);
    assert!(rows.contains("\"escapes\":1"), "{rows}");
    assert!(project.hew(&["loop", "graph"]).contains("escape: it changed what is not its own"));
    let page = project.signal("report.html");
    project.hew(&["loop", "report", "--out", page.to_str().unwrap()]);
    let page = fs::read_to_string(page).unwrap();
    assert!(
        page.contains("Changed by somebody else meanwhile") && page.contains("git config --show-origin"),
        "report"
    );
    let file: Value =
        serde_json::from_str(&fs::read_to_string(ran.folder.join("iter-001.json")).unwrap()).unwrap();
    assert_eq!(file["escapes"][0]["name"], "user.name");
    assert!(
        !ran.folder.join("iter-001/git-events.jsonl").exists(),
        "git's own events are removed once they are read"
    );
}

/// One look at the start, one at the end, and one every three seconds in between, however many iterations there are.
#[test]
fn iterations_that_stay_at_home_cost_next_to_no_looks() {
    let project = Project::new();
    for number in 0..12 {
        project.add("Task", &format!("echo {number} > file-{number} && git add -A && git commit -qm w"), &[]);
    }
    let (log, folder) = (project.signal("calls"), project.signal("bin"));
    fs::create_dir(&folder).unwrap();
    let path = std::env::var("PATH").unwrap();
    let real =
        std::env::split_paths(&path).map(|folder| folder.join("git")).find(|git| git.is_file()).unwrap();
    let wrapper = folder.join("git");
    fs::write(
        &wrapper,
        format!("#!/bin/sh\necho \"$*\" >> {}\nexec {} \"$@\"\n", log.display(), real.display()),
    )
    .unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    let mut run = project.repo.hew(&["loop", "run", "--scope", "ready", "--no-gate", "--jobs", "3"]);
    let ran = run.env("PATH", format!("{}:{path}", folder.display())).output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    let calls = fs::read_to_string(&log).unwrap();
    let looks = calls.lines().filter(|call| call.contains("--ignore-submodules=dirty")).count();
    let journal = fs::read_to_string(project.run_folders().pop_last().unwrap().join("events.jsonl")).unwrap();
    let last: Value = serde_json::from_str(journal.lines().next_back().unwrap()).unwrap();
    let seconds = usize::try_from(last["elapsed_ms"].as_u64().unwrap() / 1000).unwrap();
    assert!((2..=seconds / 3 + 2).contains(&looks), "{looks} looks in {seconds} s: {calls}");
}
