//! A delivery that is killed while git works in the user's checkout, or on their branch: who comes next mends what is hew's own, and
//! nothing that may be a person's.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use hew_testkit::loop_stage::{LoopStage, Ran, Running, ran, wait_until};
use hew_testkit::repo::write_script;
use serde_json::Value;

const KILLED: i32 = 137;

/// A folder with a git before all others that does this instead, once, where it is asked to merge into the checkout; `$ROOT` is
/// the project's.
fn git_that(stage: &LoopStage, does: &str) -> String {
    git_that_at(stage, "merge", does)
}

/// The same where it is asked for something else.
fn git_that_at(stage: &LoopStage, word: &str, does: &str) -> String {
    let (folder, once) = (stage.path("first"), stage.path("once"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(&once, "").unwrap();
    let path = std::env::var("PATH").unwrap();
    let git = std::env::split_paths(&path).map(|folder| folder.join("git")).find(|git| git.exists()).unwrap();
    let (git, once, root) = (git.display(), once.display(), stage.repo.root().display());
    let script = format!(
        "#!/bin/sh\nROOT={root}\nif [ \"$1\" = {word} ] && rm {once} 2>/dev/null; then {does}; fi\nexec {git} \"$@\"\n"
    );
    write_script(&folder.join("git"), &script);
    format!("{}:{path}", folder.display())
}

/// Leaves a lock as a git that is killed with everything else.
fn leaves(name: &str) -> String {
    format!(": > $ROOT/.git/{name}; kill -9 $PPID; exit 1")
}

fn hew_with(stage: &LoopStage, words: &[&str], path: &str) -> Ran {
    let mut command = stage.repo.hew(words);
    command.env("PATH", path);
    ran(command)
}

fn deliver(stage: &LoopStage) -> Ran {
    let delivered = stage.hew(&["loop", "deliver"]);
    assert_eq!(delivered.code, 0, "{}", delivered.stderr);
    delivered
}

/// One task is landed; what was to bring it to the target is killed. Answers the lock that is left.
fn cut_off(stage: &LoopStage, name: &str) -> PathBuf {
    stage.task("One", "write one.txt 1\ncommit One\ndone");
    let path = git_that(stage, &leaves(name));
    let killed = hew_with(stage, &["loop", "run", "--scope", "ready", "--no-gate"], &path);
    assert_eq!(killed.code, KILLED, "{}", killed.stderr);
    wait_until("the end of its processes", || stage.processes().is_empty());
    let lock = stage.repo.common_dir().join(name);
    assert!(lock.exists());
    lock
}

fn assert_delivered(stage: &LoopStage, lock: &Path) {
    assert!(!lock.exists());
    assert_eq!(stage.rev("main"), stage.run_branch());
    assert_eq!(stage.repo.read("one.txt").as_deref(), Some("1"));
    assert_eq!(stage.repo.git(&["status", "--porcelain"]), "");
    assert_eq!(signs(stage), [] as [PathBuf; 0]);
}

/// What is there of steps that go on or were cut off.
fn signs(stage: &LoopStage) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(stage.repo.common_dir().join("hew")).unwrap().map(|entry| entry.unwrap().path());
    let is_sign = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("shared-step-");
    entries.filter(is_sign).collect()
}

fn the_sign(stage: &LoopStage) -> PathBuf {
    let [sign] = signs(stage).try_into().unwrap();
    sign
}

fn date(path: &Path, at: SystemTime) {
    File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
}

#[test]
fn locks_that_a_killed_delivery_left_go_and_it_is_done_again() {
    for name in ["index.lock", "HEAD.lock", "ORIG_HEAD.lock", "refs/heads/main.lock", "packed-refs.lock"] {
        let stage = LoopStage::new();
        let lock = cut_off(&stage, name);
        let resumed = stage.hew(&["loop", "resume"]);
        assert_eq!(resumed.code, 0, "{name}: {}", resumed.stderr);
        assert_delivered(&stage, &lock);
        let told = lock.display().to_string();
        assert_eq!(stage.journal_of("run_resumed")[0]["removed_locks"], Value::from(vec![told.clone()]));
        assert!(resumed.stderr.contains(&format!("{told} was left by a git of hew's")), "{}", resumed.stderr);
        stage.assert_left_clean();
    }
}

#[test]
fn what_a_git_left_that_was_killed_alone_goes_with_the_next_delivery() {
    let stage = LoopStage::new();
    stage.task("One", "write one.txt 1\ncommit One\ndone");
    let path = git_that(&stage, ": > $ROOT/.git/index.lock; kill -9 $$");
    let run = hew_with(&stage, &["loop", "run", "--scope", "ready", "--no-gate"], &path);
    assert_eq!(run.code, 3, "{}", run.stderr);
    let lock = stage.repo.common_dir().join("index.lock");
    assert!(lock.exists());
    deliver(&stage);
    assert_delivered(&stage, &lock);
}

/// Of a file it had written all, of another nothing.
#[test]
fn a_watching_run_mends_what_its_own_git_left_that_was_killed_alone() {
    let stage = LoopStage::new();
    stage.task("One", "write one.txt 1\ncommit One\ndone");
    let path = git_that(&stage, ": > $ROOT/.git/index.lock; printf 1 > $ROOT/one.txt; kill -9 $$");
    let mut command = stage.repo.hew(&["loop", "run", "--scope", "ready", "--no-gate", "--watch"]);
    command.env("PATH", path);
    let mut run = Running::spawn(command);
    let ended = |how: &str| stage.has_event(|entry| entry["kind"] == "delivery" && entry["delivery"] == how);
    run.wait_until("the delivery that is cut off", || ended("refused"));
    let lock = stage.repo.common_dir().join("index.lock");
    assert!(lock.exists());
    stage.script("default", &writes("two"));
    stage.ok(&["task", "add", "--id-only", "Two"]);
    run.wait_until("the next delivery", || ended("delivered"));
    stage.ok(&["loop", "cancel"]);
    let ran = run.end();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let told = format!("{} was left by a git of hew's", lock.display());
    let mended = stage
        .has_event(|entry| entry["kind"] == "noticed" && entry["text"].as_str().unwrap().contains(&told));
    assert!(
        mended && ran.stderr.contains(&told) && ran.stderr.contains("had written 1 file"),
        "{}",
        ran.stderr
    );
    assert_eq!(stage.repo.read("two.txt").as_deref(), Some("two"));
    assert_delivered(&stage, &lock);
    stage.assert_left_clean();
}

/// Of the next delivery git fails at once.
#[test]
fn what_is_mended_before_a_delivery_that_fails_is_told_all_the_same() {
    let stage = LoopStage::new();
    stage.task("One", "write one.txt 1\ncommit One\ndone");
    let (once, merged) =
        (stage.path("once").display().to_string(), stage.path("merged").display().to_string());
    let does = format!(
        "if [ \"$1\" = merge ]; then : > $ROOT/.git/index.lock; : > {merged}; : > {once}; kill -9 $$; fi\n\
         test ! -e {merged} || exit 128; : > {once}"
    );
    let path = git_that_at(&stage, "merge -o \"$3\" = --symbolic-full-name", &does);
    let mut command = stage.repo.hew(&["loop", "run", "--scope", "ready", "--no-gate", "--watch"]);
    command.env("PATH", path);
    let mut run = Running::spawn(command);
    run.wait_until("the delivery that is cut off", || stage.has_event(|entry| entry["kind"] == "delivery"));
    let lock = stage.repo.common_dir().join("index.lock");
    assert!(lock.exists());
    stage.script("default", &writes("two"));
    stage.ok(&["task", "add", "--id-only", "Two"]);
    run.wait_until("the delivery that fails", || stage.journal_of("delivery").len() == 2);
    let told = format!("{} was left by a git of hew's", lock.display());
    let is_told =
        |entry: &Value| entry["kind"] == "noticed" && entry["text"].as_str().unwrap().contains(&told);
    assert!(stage.has_event(is_told) && !lock.exists(), "{:#?}", stage.journal_of("noticed"));
    assert!(stage.journal_of("delivery").iter().all(|entry| entry["delivery"] == "refused"));
    stage.ok(&["loop", "cancel"]);
    let ran = run.end();
    assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    deliver(&stage);
    assert_delivered(&stage, &lock);
}

#[test]
fn a_lock_that_may_be_a_persons_stays_and_is_explained() {
    for whose in ["younger", "older", "held"] {
        let stage = LoopStage::new();
        let lock = cut_off(&stage, "index.lock");
        let file = File::options().write(true).open(&lock).unwrap();
        match whose {
            "younger" => file.set_modified(SystemTime::now() + Duration::from_secs(3_600)).unwrap(),
            "older" => file.set_modified(SystemTime::now() - Duration::from_secs(3_600)).unwrap(),
            _ => {}
        }
        let held = Some(file).filter(|_| whose == "held");
        let resumed = stage.hew(&["loop", "resume"]);
        assert_eq!(resumed.code, 3, "{whose}: {}", resumed.stderr);
        assert!(lock.exists(), "{whose}");
        let asked = format!("hew doctor && hew loop deliver --run-id {}", stage.run_id());
        assert_eq!(stage.journal_of("run_ended")[0]["remedies"], Value::from(vec![asked]), "{whose}");
        let explained = format!("{} is a lock of some git; `hew doctor`", lock.display());
        assert!(resumed.stderr.contains(&explained), "{whose}: {}", resumed.stderr);
        let warned = format!("{} is a lock of git's, which may be held by", lock.display());
        assert!(resumed.stderr.contains(&warned), "{whose}: {}", resumed.stderr);
        assert!(stage.journal_of("run_resumed")[0].get("removed_locks").is_none());
        assert_eq!(stage.repo.read("one.txt"), None, "{whose}");
        drop(held);
        fs::remove_file(&lock).unwrap();
        stage.ok(&["loop", "deliver"]);
        assert_delivered(&stage, &lock);
    }
}

#[test]
fn a_later_delivery_that_was_killed_is_done_again_by_the_next() {
    let stage = LoopStage::new();
    stage.task("One", "write one.txt 1\ncommit One\ndone");
    assert_eq!(stage.run(&["--no-gate", "--no-deliver"]).code, 0);
    let lock = stage.repo.common_dir().join("index.lock");
    let path = git_that(&stage, &leaves("index.lock"));
    let killed = hew_with(&stage, &["loop", "deliver"], &path);
    assert_eq!((killed.code, lock.exists()), (KILLED, true), "{}", killed.stderr);
    let delivered = deliver(&stage);
    assert!(delivered.stderr.contains("was left by a git of hew's"), "{}", delivered.stderr);
    assert_delivered(&stage, &lock);
}

/// A lock is no reason to start no other run, either.
#[test]
fn a_run_that_is_begun_instead_removes_the_lock_too() {
    let stage = LoopStage::new();
    let lock = cut_off(&stage, "index.lock");
    let flags = ["--force-new", "--ignore-undelivered", "--no-gate"];
    stage.task("Two", "write two.txt 2\ncommit Two\ndone");
    let ran = stage.run(&flags);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(!lock.exists());
    assert_eq!(stage.repo.read("two.txt").as_deref(), Some("2"));
}

/// Git and hew are killed in the middle of the checkout's files.
fn killed_in_the_middle(stage: &LoopStage) {
    let killed = ended_in_the_middle(stage, "kill -9 $(cut -d' ' -f4 /proc/$PPID/stat) $PPID");
    assert_eq!(killed.code, KILLED, "{}", killed.stderr);
    wait_until("the end of its processes", || stage.processes().is_empty());
    assert!(stage.repo.common_dir().join("index.lock").exists());
}

/// One task is landed; of three files of its result the filter of the third does this where it is brought to the checkout.
fn ended_in_the_middle(stage: &LoopStage, does: &str) -> Ran {
    stage.repo.write("0.txt", "old");
    stage.repo.write(".gitattributes", "*.txt filter=counts\n");
    stage.repo.commit("Files");
    let (root, seen) = (stage.repo.root().display().to_string(), stage.path("seen").display().to_string());
    let filter = stage.path("filter");
    let script = format!(
        "#!/bin/sh\nif [ \"$PWD\" = {root} ]; then echo x >> {seen}\n\
         if [ $(wc -l < {seen}) = 3 ]; then {does}; fi\nfi\nexec cat\n"
    );
    write_script(&filter, &script);
    stage.repo.git(&["config", "filter.counts.smudge", &filter.display().to_string()]);
    stage.task("One", "write 0.txt new\nwrite one.txt 1\nwrite two.txt 2\ncommit One\ndone");
    let ran = stage.run(&["--no-gate"]);
    let read = |file| stage.repo.read(file);
    assert_eq!((read("0.txt").as_deref(), read("one.txt").as_deref()), (Some("new"), Some("1")));
    assert_eq!(read("two.txt"), None);
    ran
}

/// As where there is no room for all files: git says so, and leaves those that it has written.
#[test]
fn files_that_a_delivery_had_written_when_its_git_failed_are_not_taken_for_a_persons() {
    let stage = LoopStage::new();
    for (key, value) in [("required", "true"), ("clean", "cat")] {
        stage.repo.git(&["config", &format!("filter.counts.{key}"), value]);
    }
    let failed = ended_in_the_middle(&stage, "exit 1");
    assert_eq!(failed.code, 3, "{}", failed.stderr);
    assert_eq!(signs(&stage).len(), 1);
    let delivered = deliver(&stage);
    assert!(delivered.stderr.contains("had written 2 files already"), "{}", delivered.stderr);
    assert_eq!(stage.repo.read("two.txt").as_deref(), Some("2"));
    assert_delivered(&stage, &stage.repo.common_dir().join("index.lock"));
    stage.assert_left_clean();
}

/// A refusal is no such failure, whenever a person's file that is in the way was made, or says that it was.
#[test]
fn a_delivery_that_git_refuses_leaves_no_sign() {
    let (now, hour) = (SystemTime::now(), Duration::from_secs(3_600));
    for made in [now - hour, now + hour] {
        refused_without_a_sign(made);
    }
}

fn refused_without_a_sign(made: SystemTime) {
    let stage = LoopStage::new();
    stage.task("One", "write one.txt 1\nwrite two.txt 2\ncommit One\ndone");
    stage.repo.write("one.txt", "1");
    date(&stage.repo.root().join("one.txt"), made);
    let index = fs::read(stage.repo.common_dir().join("index")).unwrap();
    for words in
        [&["loop", "run", "--scope", "ready", "--no-gate"][..], &["loop", "deliver"], &["loop", "deliver"]]
    {
        let refused = stage.hew(words);
        assert_eq!((refused.code, signs(&stage).len()), (3, 0), "{}", refused.stderr);
        assert!(refused.stderr.contains("one.txt"), "{}", refused.stderr);
        assert!(!refused.stderr.contains("had written"), "{}", refused.stderr);
    }
    assert_eq!(fs::read(stage.repo.common_dir().join("index")).unwrap(), index);
}

#[test]
fn files_that_a_killed_delivery_had_written_are_not_taken_for_a_persons() {
    let stage = LoopStage::new();
    killed_in_the_middle(&stage);
    let resumed = stage.hew(&["loop", "resume"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert!(resumed.stderr.contains("had written 2 files already"), "{}", resumed.stderr);
    assert_eq!(stage.repo.read("two.txt").as_deref(), Some("2"));
    assert_delivered(&stage, &stage.repo.common_dir().join("index.lock"));
    stage.assert_left_clean();
}

/// The last file is cut short where git was killed while it wrote. A person's that merely looks like that was made later.
#[test]
fn a_file_that_a_killed_delivery_had_begun_is_written_to_its_end() {
    for is_persons in [false, true] {
        let stage = LoopStage::new();
        killed_in_the_middle(&stage);
        let lived = fs::metadata(the_sign(&stage)).unwrap().modified().unwrap();
        for (file, text) in [("two.txt", ""), ("0.txt", "n")] {
            stage.repo.write(file, text);
            let made = lived + Duration::from_secs(if is_persons { 3_600 } else { 0 });
            date(&stage.repo.root().join(file), made);
        }
        let resumed = stage.hew(&["loop", "resume"]);
        let read = |file| stage.repo.read(file);
        if is_persons {
            assert_eq!(resumed.code, 3, "{}", resumed.stderr);
            assert_eq!((read("0.txt").as_deref(), read("two.txt").as_deref()), (Some("n"), Some("")));
        } else {
            assert_eq!(resumed.code, 0, "{}", resumed.stderr);
            assert_eq!((read("0.txt").as_deref(), read("two.txt").as_deref()), (Some("new"), Some("2")));
            assert_delivered(&stage, &stage.repo.common_dir().join("index.lock"));
        }
    }
}

/// A lock is in the way at first: what is beneath it is mended once it is gone.
#[test]
fn files_that_a_killed_delivery_had_written_are_known_as_long_as_a_lock_is_in_the_way() {
    let stage = LoopStage::new();
    killed_in_the_middle(&stage);
    let lock = stage.repo.common_dir().join("index.lock");
    let held = File::open(&lock).unwrap();
    for words in [["loop", "resume"], ["loop", "deliver"]] {
        let refused = stage.hew(&words);
        assert_eq!(refused.code, 3, "{words:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("which may be held by"), "{}", refused.stderr);
    }
    drop(held);
    fs::remove_file(&lock).unwrap();
    let delivered = deliver(&stage);
    assert!(delivered.stderr.contains("had written 2 files already"), "{}", delivered.stderr);
    assert_delivered(&stage, &lock);
}

/// Also where the next is the delivery of the very run that began with it.
#[test]
fn mending_that_fails_is_done_by_the_next() {
    for fails_again in [true, false] {
        let stage = LoopStage::new();
        killed_in_the_middle(&stage);
        let again = if fails_again { ": > $ROOT/../once; " } else { "" };
        let path = git_that_at(&stage, "update-index", &format!("{again}echo no room >&2; exit 1"));
        let resumed = hew_with(&stage, &["loop", "resume"], &path);
        assert_eq!(resumed.code, if fails_again { 3 } else { 0 }, "{}", resumed.stderr);
        assert!(resumed.stderr.contains("may be taken for yours") && resumed.stderr.contains("no room"));
        if fails_again {
            deliver(&stage);
        }
        assert_delivered(&stage, &stage.repo.common_dir().join("index.lock"));
    }
}

/// What was made between two steps that were cut off was made by neither.
#[test]
fn mending_that_is_killed_is_done_by_the_next_and_what_a_person_did_meanwhile_stays() {
    for is_persons in [false, true] {
        let stage = LoopStage::new();
        killed_in_the_middle(&stage);
        let (sign, lock) = (the_sign(&stage), stage.repo.common_dir().join("index.lock"));
        let ago = |secs| SystemTime::now() - Duration::from_secs(secs);
        let mut told: Value = serde_json::from_str(&fs::read_to_string(&sign).unwrap()).unwrap();
        let began = told["began"]["secs_since_epoch"].as_u64().unwrap() - 7_300;
        told["began"]["secs_since_epoch"] = began.into();
        fs::write(&sign, told.to_string()).unwrap();
        for file in [&sign, &lock] {
            date(file, ago(7_200));
        }
        let path = git_that_at(&stage, "update-index", "kill -9 $PPID; exit 1");
        let killed = hew_with(&stage, &["loop", "resume"], &path);
        assert_eq!((killed.code, lock.exists()), (KILLED, false), "{}", killed.stderr);
        assert_eq!(signs(&stage).iter().filter(|sign| sign.is_file()).count(), 2);
        if is_persons {
            stage.repo.write("0.txt", "n");
            date(&stage.repo.root().join("0.txt"), ago(3_600));
            fs::write(&lock, "").unwrap();
            date(&lock, ago(3_600));
            assert_eq!(stage.hew(&["loop", "resume"]).code, 3);
            assert!(lock.exists());
            fs::remove_file(&lock).unwrap();
            assert_eq!(stage.hew(&["loop", "deliver"]).code, 3);
            assert_eq!(stage.repo.read("0.txt").as_deref(), Some("n"));
        } else {
            let resumed = stage.hew(&["loop", "resume"]);
            assert_eq!(resumed.code, 0, "{}", resumed.stderr);
            assert_delivered(&stage, &lock);
        }
    }
}

/// Both work in the checkout since before the lock was made.
#[test]
fn a_program_that_is_merely_named_after_git_holds_no_lock() {
    for (name, holds) in [("gitstatusd", false), ("git-any", true)] {
        let stage = LoopStage::new();
        let lock = cut_off(&stage, "index.lock");
        let program = stage.path(name);
        write_script(&program, "#!/bin/sh\nread line\n");
        let mut command = stage.repo.command(program.display().to_string());
        let mut working = command.stdin(Stdio::piped()).spawn().unwrap();
        for file in [&the_sign(&stage), &lock] {
            date(file, SystemTime::now());
        }
        let resumed = stage.hew(&["loop", "resume"]);
        assert_eq!(resumed.code, if holds { 3 } else { 0 }, "{name}: {}", resumed.stderr);
        assert_eq!(lock.exists(), holds, "{name}");
        drop(working.stdin.take());
        working.wait().unwrap();
        stage.ok(&["loop", "deliver"]);
        assert_delivered(&stage, &lock);
    }
}

#[test]
fn the_doctor_tells_of_a_step_that_was_cut_off_and_mends_it() {
    let stage = LoopStage::new();
    killed_in_the_middle(&stage);
    let lock = stage.repo.common_dir().join("index.lock");
    let told = stage.hew(&["doctor"]);
    assert_eq!((told.code, lock.exists()), (1, true), "{}", told.stdout);
    assert!(told.stdout.contains("git was cut off while it worked for hew"), "{}", told.stdout);
    let fixed = stage.hew(&["doctor", "--fix"]);
    assert!(fixed.stdout.contains("index.lock was left by a git of hew's: removed"), "{}", fixed.stdout);
    assert!(fixed.stdout.contains("2 files that a delivery had written"), "{}", fixed.stdout);
    assert_eq!((lock.exists(), signs(&stage).len()), (false, 0));
    stage.ok(&["loop", "resume"]);
    assert_delivered(&stage, &lock);
}

#[test]
fn pruning_tells_of_a_step_that_was_cut_off_and_mends_it() {
    let stage = LoopStage::new();
    killed_in_the_middle(&stage);
    let lock = stage.repo.common_dir().join("index.lock");
    let told = stage.hew(&["loop", "prune-worktrees"]);
    assert_eq!((told.code, lock.exists()), (0, true), "{}", told.stderr);
    assert!(told.stderr.contains("git was cut off while it worked for hew"), "{}", told.stderr);
    let pruned = stage.hew(&["loop", "prune-worktrees", "--apply"]);
    assert_eq!((pruned.code, lock.exists(), signs(&stage).len()), (0, false, 0), "{}", pruned.stderr);
    assert!(pruned.stderr.contains("had written 2 files already"), "{}", pruned.stderr);
    deliver(&stage);
    stage.ok(&["loop", "resume"]);
    assert_delivered(&stage, &lock);
}

#[test]
fn pruning_makes_room_where_a_step_that_was_cut_off_cant_be_mended() {
    let stage = LoopStage::new();
    killed_in_the_middle(&stage);
    let sign = the_sign(&stage);
    fs::remove_file(&sign).unwrap();
    fs::create_dir(&sign).unwrap();
    let pruned = stage.hew(&["loop", "prune-worktrees", "--apply"]);
    assert_eq!((pruned.code, sign.exists()), (1, true), "{}", pruned.stderr);
    assert!(pruned.stderr.contains("what a killed git left can't be mended"), "{}", pruned.stderr);
    assert!(pruned.stderr.contains("1 failed"), "{}", pruned.stderr);
    assert!(pruned.stdout.contains("removed"), "{}", pruned.stdout);
}

#[test]
fn what_a_person_changed_after_a_killed_delivery_stays() {
    let stage = LoopStage::new();
    killed_in_the_middle(&stage);
    stage.repo.write("one.txt", "mine");
    let resumed = stage.hew(&["loop", "resume"]);
    assert_eq!(resumed.code, 3, "{}", resumed.stderr);
    assert!(resumed.stderr.contains("one.txt"), "{}", resumed.stderr);
    assert_eq!(stage.repo.read("one.txt").as_deref(), Some("mine"));
    assert_eq!(stage.repo.read("two.txt"), None);
    fs::remove_file(stage.repo.root().join("one.txt")).unwrap();
    stage.ok(&["loop", "deliver"]);
    assert_eq!(stage.rev("main"), stage.run_branch());
    assert_eq!(stage.repo.git(&["status", "--porcelain"]), "");
}

fn writes(name: &str) -> String {
    format!("write {name}.txt {name}\ncommit {name}\ndone")
}

/// Nobody but hew touched the run branch.
fn assert_nobody_meddled(stage: &LoopStage, told: &str) {
    assert_eq!(stage.journal_of("escaped").len(), 0, "{:#?}", stage.journal_of("escaped"));
    assert_eq!(stage.refs(&format!("refs/hew/{}/foreign", stage.run_id())).len(), 0);
    assert!(!told.contains("put back"), "{told}");
}

/// The merge of a target that had moved is on the run branch, and the process that made it is gone.
#[test]
fn a_merge_of_the_target_that_a_dead_process_made_is_nobodys_meddling() {
    for watches in [false, true] {
        let stage = LoopStage::new();
        let go = stage.path("go");
        stage.task("First", &format!("wait-for {}\n{}", go.display(), writes("first")));
        let mut command = stage.repo.hew(&["loop", "run", "--scope", "ready", "--no-gate"]);
        command.args(watches.then_some("--watch"));
        command.env("HEW_FAIL_AT", "git/advance:2");
        let mut run = Running::spawn(command);
        run.wait_until("its agent", || stage.has_event(|entry| entry["kind"] == "spawned"));
        stage.repo.write("mine", "mine");
        let mine = stage.repo.commit("Mine");
        fs::write(&go, "").unwrap();
        assert_eq!(run.end().code, KILLED);
        wait_until("the end of its processes", || stage.processes().is_empty());
        assert_eq!(stage.journal_of("delivering").len(), 1);
        assert_ne!(stage.run_branch().as_deref(), stage.journal_of("landed")[0]["sha"].as_str());

        // An agent runs before anything is delivered.
        stage.script("default", &writes("second"));
        stage.ok(&["task", "add", "--id-only", "Second"]);
        let mut resumed = Running::spawn(stage.repo.hew(&["loop", "resume"]));
        if watches {
            resumed.wait_until("the delivery", || stage.repo.read("second.txt").is_some());
            resumed.wait_until("its record", || stage.journal_of("delivery").len() == 1);
            stage.ok(&["loop", "cancel"]);
        }
        let resumed = resumed.end();
        assert_eq!(resumed.code, 0, "{}", resumed.stderr);
        assert_nobody_meddled(&stage, &resumed.stderr);
        assert!(resumed.stderr.contains("it is merged anew"), "{}", resumed.stderr);
        assert_eq!(stage.rev("main"), stage.run_branch());
        let files = stage.repo.git(&["ls-tree", "--name-only", "main"]);
        assert_eq!(files, "README.md\nfirst.txt\nmine\nsecond.txt");
        stage.repo.git(&["merge-base", "--is-ancestor", mine.as_str(), "main"]);
        stage.assert_left_clean();
    }
}

/// A later delivery merges a target that moved, and is killed before it delivers.
fn killed_after_a_merge(stage: &LoopStage) {
    stage.task("One", &writes("one"));
    assert_eq!(stage.run(&["--no-gate", "--no-deliver"]).code, 0);
    stage.repo.write("mine", "mine");
    stage.repo.commit("Mine");
    let mut command = stage.repo.hew(&["loop", "deliver"]);
    command.env("HEW_FAIL_AT", "git/advance:1");
    assert_eq!(ran(command).code, KILLED);
}

#[test]
fn a_merge_of_the_target_that_a_dead_delivery_made_is_nobodys_meddling() {
    let stage = LoopStage::new();
    killed_after_a_merge(&stage);
    let delivered = deliver(&stage);
    assert_nobody_meddled(&stage, &delivered.stderr);
    assert_eq!(stage.rev("main"), stage.run_branch());
    assert_eq!(stage.repo.git(&["worktree", "list"]).lines().count(), 1);
}

/// A person put more into it: that is kept.
#[test]
fn a_merge_of_the_target_that_somebody_amended_is_kept() {
    let stage = LoopStage::new();
    killed_after_a_merge(&stage);
    let branch = format!("loop/{}/main", stage.run_id());
    let tree = stage.path("amended").display().to_string();
    stage.repo.git(&["worktree", "add", "--quiet", "--force", &tree, &branch]);
    fs::write(stage.path("amended").join("more"), "more").unwrap();
    stage.repo.git(&["-C", &tree, "add", "more"]);
    stage.repo.git(&["-C", &tree, "commit", "--quiet", "--amend", "--no-edit"]);
    let amended = stage.repo.git(&["rev-parse", &branch]);
    stage.repo.git(&["worktree", "remove", "--force", &tree]);
    stage.ok(&["loop", "deliver"]);
    let kept = stage.refs(&format!("refs/hew/{}/foreign", stage.run_id()));
    assert_eq!(kept.into_values().collect::<Vec<_>>(), [amended]);
    assert_eq!(stage.rev("main"), stage.run_branch());
}

/// Moves the run branch while the gate looks at a target that was merged with it.
const MEDDLES: &str = "test ! -e mine || git -c user.name=x -c user.email=x@example.com update-ref \
    $(git for-each-ref --format='%(refname)' 'refs/heads/loop/*/main') \
    $(git -c user.name=x -c user.email=x@example.com commit-tree -m meddled HEAD^{tree})";

fn meddled_ref(stage: &LoopStage) -> String {
    let kept = stage.refs(&format!("refs/hew/{}/foreign", stage.run_id()));
    let [(name, commit)] = kept.into_iter().collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(stage.repo.git(&["log", "-1", "--format=%s", &commit]), "meddled");
    assert_eq!(stage.repo.git(&["log", "--format=%s", "--grep=meddled", "main"]), "");
    name
}

#[test]
fn a_run_branch_that_is_moved_while_a_target_is_merged_is_put_back_and_that_is_told() {
    let stage = LoopStage::new();
    let go = stage.path("go");
    stage.task("One", &format!("wait-for {}\n{}", go.display(), writes("one")));
    let mut run = stage.start(&["--gate", MEDDLES]);
    run.wait_until("its agent", || stage.has_event(|entry| entry["kind"] == "spawned"));
    stage.repo.write("mine", "mine");
    stage.repo.commit("Mine");
    fs::write(&go, "").unwrap();
    let ran = run.end();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    meddled_ref(&stage);
    let escaped = stage.journal_of("escaped");
    assert_eq!(escaped.len(), 1);
    let branch = format!("loop/{}/main", stage.run_id());
    assert_eq!(
        (&escaped[0]["escapes"][0]["name"], &escaped[0]["about"]),
        (&branch.as_str().into(), &Value::Null)
    );
    assert_eq!(escaped[0]["escapes"][0]["put_back"], true);
    assert!(ran.stderr.contains(&branch), "{}", ran.stderr);
}

#[test]
fn a_run_branch_that_is_moved_while_it_is_delivered_later_is_put_back_and_that_is_told() {
    let stage = LoopStage::new();
    stage.task("One", &writes("one"));
    assert_eq!(stage.run(&["--gate", MEDDLES, "--no-deliver"]).code, 0);
    stage.repo.write("mine", "mine");
    stage.repo.commit("Mine");
    let delivered = deliver(&stage);
    meddled_ref(&stage);
    let told = format!("branch loop/{}/main went from", stage.run_id());
    assert!(
        delivered.stderr.contains(&told) && delivered.stderr.contains("put back"),
        "{}",
        delivered.stderr
    );
}
