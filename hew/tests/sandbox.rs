//! `loop.sandbox`: what agents, set-ups and gates may write, kept by the kernel and seen through the real binary.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use hew::adapters::sandbox::kernel_problem;
use hew_core::record::IterationOutcome::{Closed, RuntimeError};
use hew_testkit::repo::TestRepo;
use hew_testkit::run_check::Project;

/// A project whose agents are kept in a sandbox, with a folder beside it that they may write, too. None where the kernel
/// can't keep one; a kernel that says that it can has to.
fn sandboxed() -> Option<Project> {
    if let Some(why) = kernel_problem() {
        let modules = fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
        let is_required = std::env::var("HEW_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
        assert!(!(is_required && modules.contains("landlock")), "{why}, and the kernel says {modules}");
        let _ = writeln!(std::io::stderr(), "SKIPPED: needs Landlock: {why}");
        return None;
    }
    let repo = TestRepo::new();
    let cache = repo.base().join("cache");
    let project = Project::on_with(
        repo,
        &format!("sandbox.mode = \"worktree\"\nsandbox.write = [\"{}\"]\n", cache.display()),
    );
    Some(project)
}

/// A shell's function that tries something and notes in a file of the worktree whether it was let.
const TRY: &str = "try() { if sh -c \"$2\" 2>why; then echo \"$1 let\"; else echo \"$1 $(tail -c 19 why)\"; fi >> tried; }\n";

fn home(project: &Project) -> PathBuf {
    project.repo.base().join("home")
}

#[test]
fn an_agent_writes_its_clone_and_what_is_its_own_and_nothing_else() {
    let Some(project) = sandboxed() else { return };
    let (root, home, base) = (project.repo.root().display().to_string(), home(&project), project.repo.base());
    fs::write(home.join("kept"), "kept\n").unwrap();
    let home = home.display();
    let cache = base.join("cache").display().to_string();
    // Both are at work at the same time, so that each has a neighbour.
    let work = format!(
        "{TRY}touch {cache}/w$HEW_WORKER; other=$((1 - HEW_WORKER))\n\
         until test -e {cache}/w$other; do sleep 0.01; done\n\
         try checkout 'echo x >> {root}/README.md'\n\
         try new-file 'echo x > {root}/new'\n\
         try commit 'git -C {root} commit -q --allow-empty -m x'\n\
         try ref 'git -C {root} update-ref refs/heads/other HEAD'\n\
         try config 'git -C {root} config user.name x'\n\
         try home 'echo x > {home}/new'\n\
         try cut-short ': > {home}/kept'\n\
         try remove 'rm {home}/kept'\n\
         try link 'ln {home}/kept here'\n\
         try neighbour \"echo x > ../$other/x\"\n\
         try neighbours-git \"echo x > ../$other.git/x\"\n\
         try prompt 'echo x > {root}/.hew/loop/'$HEW_RUN_ID'/hew.log'\n\
         try tmp 'echo x > /tmp/hew-sandbox-test'\n\
         try own 'echo x > own && mkdir d && mv own d/moved'\n\
         try own-tmp 'echo x > $TMPDIR/x'\n\
         try own-git 'git config user.x y && git stash list && git tag mine'\n\
         try null 'echo x > /dev/null'\n\
         try cache 'mkdir -p {cache}/deep && echo x > {cache}/deep/x'\n\
         try note 'hew task note '$HEW_TASK_ID' a-note'\n\
         try file-task 'hew task add --id-only -- From-inside'\n\
         rm -f why; mv tried tried-$HEW_TASK_ID; git add -A && git commit -qm work\n\
         hew done --reason 'all tried'"
    );
    let a = project.add("A", &work, &[]);
    let b = project.add("B", &work, &[]);
    let readme = project.repo.read("README.md");
    let ran = project.run(&["--jobs", "2", "--no-gate"]);
    assert_eq!((ran.outcomes(&a), ran.outcomes(&b)), (vec![Closed], vec![Closed]), "{}", ran.stderr);
    let refused = [
        "checkout",
        "new-file",
        "commit",
        "ref",
        "config",
        "home",
        "cut-short",
        "remove",
        "link",
        "neighbour",
        "neighbours-git",
        "prompt",
        "tmp",
    ];
    let allowed = ["own", "own-tmp", "own-git", "null", "cache", "note", "file-task"];
    for id in [&a, &b] {
        let tried = project.repo.read(&format!("tried-{id}")).unwrap();
        for what in refused {
            let line = tried.lines().find(|line| line.starts_with(&format!("{what} "))).unwrap();
            let said = ["Permission denied", "Invalid cross-device", "could not lock", "cross-device link"];
            assert!(!line.ends_with(" let"), "{line}");
            assert!(
                said.iter().any(|words| line.contains(words)) || what == "commit" || what == "ref",
                "{line}"
            );
        }
        for what in allowed {
            assert!(tried.contains(&format!("{what} let\n")), "{what}: {tried}");
        }
        assert!(ran.notes(id).contains("a-note"));
        let outcome = ran.iteration_file(ran.iterations(id)[0].id, "outcome.json");
        assert!(outcome.contains("all tried"), "{outcome}");
    }
    assert_eq!(project.repo.read("README.md"), readme);
    assert_eq!(fs::read_to_string(base.join("home/kept")).unwrap(), "kept\n");
    assert_eq!(ran.tasks.len(), 4, "each filed one");
    let plan = ran.iteration_file(ran.iterations(&a)[0].id, "plan.json");
    assert!(plan.contains("\"writes\"") && plan.contains("loop.sandbox.write"), "{plan}");
}

/// What an agent writes into its clone's git folder names programs and leads elsewhere; hew runs git there afterwards.
#[test]
fn what_an_agent_leaves_in_its_git_folder_does_nothing_outside_of_the_sandbox() {
    let Some(project) = sandboxed() else { return };
    let mark = home(&project).join("ran-outside");
    let program = format!("sh -c 'touch {}; cat'", mark.display());
    let filters = format!(
        "git config filter.evil.clean \"{program}\"; git config filter.evil.smudge \"{program}\"\n\
         git config core.fsmonitor \"{program}\"; git config diff.external \"{program}\"\n\
         echo '* filter=evil' > .gitattributes; echo more >> README.md; touch -d yesterday README.md"
    );
    let id = project.add("Filters", &filters, &[]);
    let target = home(&project).join("kept");
    fs::write(&target, "kept\n").unwrap();
    let detour = format!(
        "git_dir=$(git rev-parse --absolute-git-dir); mv $git_dir/logs $git_dir/old; mkdir $git_dir/logs\n\
         ln -s {} $git_dir/logs/HEAD; echo x > x",
        target.display()
    );
    let linked = project.add("Link", &detour, &["--dep", &id]);
    let nested = format!(
        "git init -q inner; cd inner; git config user.name x; git config user.email x; echo x > f; git add -A\n\
         git commit -qm inner; git config filter.evil.clean \"{program}\"; echo '* filter=evil' > .gitattributes\n\
         echo y > f; cd ..; git add inner; git commit -qm link; echo x > loose"
    );
    let nested = project.add("Nested", &nested, &["--dep", &id]);
    let ran = project.run(&["--no-gate", "--max-attempts", "1"]);
    assert_eq!(ran.outcomes(&id), [Closed], "{}", ran.stderr);
    assert_eq!(ran.outcomes(&nested), [RuntimeError], "{}", ran.stderr);
    let reason = ran.iterations(&nested)[0].reason.clone().unwrap();
    assert!(reason.contains("inner is a repository of its own"), "{reason}");
    assert!(!mark.exists(), "a program of the agent's ran outside of its sandbox");
    assert_eq!(ran.outcomes(&linked), [RuntimeError], "{}", ran.stderr);
    let reason = ran.iterations(&linked)[0].reason.clone().unwrap();
    assert!(reason.contains("logs/HEAD in its git folder is not a plain file"), "{reason}");
    assert_eq!(fs::read_to_string(&target).unwrap(), "kept\n");
}

#[test]
fn gates_and_set_ups_run_what_agents_wrote_and_are_kept_in_the_sandbox_too() {
    let Some(project) = sandboxed() else { return };
    let home = home(&project);
    let id = project.add("Work", "test -e made && echo x > x", &[]);
    let gate = format!("touch own && echo x > $TMPDIR/x && ! touch {}/gate", home.display());
    let set_up = format!("touch made; touch {}/set-up || true", home.display());
    let mut command = project.repo.hew(&["loop", "run", "--scope", "ready", "--gate", &gate]);
    let output = command.env("HEW_LOOP_WORKTREE_SETUP", set_up).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(project.tasks().iter().find(|task| task["id"] == *id).unwrap()["status"], "closed");
    assert!(!home.join("gate").exists() && !home.join("set-up").exists());
}

#[test]
fn a_projects_own_word_on_the_sandbox_counts_once_it_is_trusted() {
    let project = Project::on_with(TestRepo::new(), "");
    project.add("Work", "true", &[]);
    for text in ["loop.sandbox = \"off\"\n", "[loop.sandbox]\nwrite = [\"/\"]\n"] {
        project.repo.write(".hew.toml", text);
        let mut command = project.repo.hew(&["loop", "run", "--scope", "ready"]);
        let output = command.env_remove("HEW_TRUST").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("loop.sandbox.") && said.contains("hew trust"), "{said}");
    }
}

#[test]
fn the_short_name_and_the_long_one_are_one_setting() {
    let project = Project::new();
    let file = || project.repo.read(".hew.toml").unwrap();
    project.repo.write(".hew.toml", "loop.sandbox = \"off\"\n");
    assert_eq!(project.hew(&["config", "get", "loop.sandbox"]), "off");
    project.hew(&["config", "set", "loop.sandbox", "worktree"]);
    assert_eq!(file(), "loop.sandbox = \"worktree\"\n");
    project.hew(&["config", "set", "loop.sandbox.write", "~/.cache,/var/cache"]);
    assert!(
        file().contains("mode = \"worktree\"") && file().contains("write = [\"~/.cache\", \"/var/cache\"]"),
        "{}",
        file()
    );
    assert_eq!(project.hew(&["config", "get", "loop.sandbox.mode"]), "worktree");
    project.hew(&["config", "unset", "loop.sandbox"]);
    assert_eq!(project.hew(&["config", "get", "loop.sandbox"]), "off");
}
