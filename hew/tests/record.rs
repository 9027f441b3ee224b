//! A run's record on disk: folder, files, index, ledger, lock, and waiting for changes.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use hew::adapters::lock::{Holder, LockError, ProjectLock, holder};
use hew::adapters::recorder::Recorder;
use hew::adapters::store::{self, RunFolder};
use hew::adapters::watch::FileWatch;
use hew::adapters::{files, ledger, proc_tree, rebuild, run_index};
use hew_core::record::event::{JournalEntry, StopReason};
use hew_core::record::files::{IterationFile, RunFile, parse};
use hew_core::record::ledger::{LedgerDelivery, LedgerEvent, undelivered};
use hew_core::record::{RunView, Store};
use hew_testkit::contract::store::{StoreProbe, store_contract};
use hew_testkit::fake_store::FakeStore;
use hew_testkit::journal::{self, JournalBuilder};
use tempfile::TempDir;

fn read_journal(dir: &Path) -> Vec<JournalEntry> {
    let mut entries = Vec::new();
    store::for_each_entry(dir, |entry| entries.push(entry.clone())).unwrap();
    entries
}

#[test]
fn the_fake_keeps_the_contract_of_stores() {
    store_contract(&|| {
        let fake = FakeStore::default();
        let (journal, files) = (fake.clone(), fake.clone());
        StoreProbe {
            store: Box::new(fake),
            journal: Box::new(move || journal.content().journal.clone()),
            file: Box::new(move |name| files.content().files.get(name).cloned()),
        }
    });
}

#[test]
fn a_run_folder_keeps_the_contract_of_stores() {
    let folder = TempDir::new().unwrap();
    let number = std::cell::Cell::new(0);
    store_contract(&|| {
        number.set(number.get() + 1);
        let run = JournalBuilder::launch(1, number.get()).run_id().clone();
        let run_folder = RunFolder::create(&folder.path().join(".hew"), &run).unwrap();
        let (journal, files) = (run_folder.path().to_owned(), run_folder.path().to_owned());
        StoreProbe {
            store: Box::new(run_folder),
            journal: Box::new(move || read_journal(&journal)),
            file: Box::new(move |name| fs::read(files.join(name)).ok()),
        }
    });
}

fn run_folder(folder: &TempDir, journal: &JournalBuilder) -> RunFolder {
    RunFolder::create(&folder.path().join(".hew"), journal.run_id()).unwrap()
}

#[test]
fn a_run_folder_is_private_and_never_committed() {
    let folder = TempDir::new().unwrap();
    let journal = journal::in_the_middle();
    let mut run = run_folder(&folder, &journal);
    run.append(journal.entries()).unwrap();
    run.write("worker-1/iter-001.json", b"{}").unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for (path, expected) in [
        (run.path().to_owned(), 0o700),
        (run.path().join("worker-1"), 0o700),
        (run.path().join("events.jsonl"), 0o600),
        (run.path().join("worker-1/iter-001.json"), 0o600),
    ] {
        assert_eq!(mode(path.clone()), expected, "{}", path.display());
    }
    assert_eq!(fs::read_to_string(folder.path().join(".hew/.gitignore")).unwrap(), "*\n");
    let names: Vec<_> =
        fs::read_dir(run.path().join("worker-1")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["iter-001.json"], "no temporary file is left");
}

#[test]
fn a_torn_last_line_is_left_out_with_a_warning_and_cut_off_before_the_next_append() {
    let folder = TempDir::new().unwrap();
    let journal = journal::in_the_middle();
    let run = run_folder(&folder, &journal);
    let path = run.path().join("events.jsonl");
    let text = journal.to_jsonl();
    fs::write(&path, &text.as_bytes()[..text.len() - 20]).unwrap();
    let (view, warning) = store::fold(run.path(), true).unwrap();
    let warning = warning.unwrap();
    assert!(warning.contains("events.jsonl") && warning.contains("torn"), "{warning}");
    let all = journal.entries();
    assert_eq!(view, RunView::of(&all[..all.len() - 1]));
    RunFolder::open(run.path()).append(&all[all.len() - 1..]).unwrap();
    assert_eq!(read_journal(run.path()), all);
}

#[test]
fn a_malformed_line_is_an_error_with_file_and_line() {
    let folder = TempDir::new().unwrap();
    let journal = journal::in_the_middle();
    let run = run_folder(&folder, &journal);
    let mut lines: Vec<String> = journal.to_jsonl().lines().map(ToOwned::to_owned).collect();
    lines[4] = "{\"seq\": 5, \"at\":".to_owned();
    fs::write(run.path().join("events.jsonl"), lines.join("\n") + "\n").unwrap();
    let error = store::fold(run.path(), true).unwrap_err().to_string();
    assert!(error.contains("events.jsonl: line 5: "), "{error}");
}

#[test]
fn a_newer_journal_is_refused_with_both_versions() {
    let folder = TempDir::new().unwrap();
    let journal = journal::in_the_middle();
    let run = run_folder(&folder, &journal);
    let text = journal.to_jsonl().replacen("\"schema_version\":1", "\"schema_version\":7", 1);
    fs::write(run.path().join("events.jsonl"), text).unwrap();
    let error = store::fold(run.path(), true).unwrap_err().to_string();
    assert!(error.contains("line 1: schema_version 7, but this hew knows up to 1"), "{error}");
}

#[test]
fn the_recorder_writes_what_the_journal_says_and_forgets_what_is_written() {
    let folder = TempDir::new().unwrap();
    let journal = journal::every_outcome();
    let run = run_folder(&folder, &journal);
    let recorder = Recorder::start(Box::new(RunFolder::open(run.path())), RunView::new());
    journal.entries().chunks(2).for_each(|batch| recorder.record(batch));
    assert_eq!(recorder.finish(), []);
    let view = RunView::of(journal.entries());
    let text = fs::read_to_string(run.path().join("run.json")).unwrap();
    assert_eq!(parse::<RunFile>(&text).unwrap(), RunFile::of(&view).unwrap());
    for (id, iteration) in &view.iterations {
        let path = run.path().join(format!("{}.json", journal.iteration_dir(*id)));
        let file: IterationFile = parse(&fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(file, IterationFile::of(iteration, 3));
    }
}

#[test]
fn waiting_lines_are_written_once_for_all_of_them() {
    let fake = FakeStore::default();
    let journal = journal::every_outcome();
    let recorder = {
        // The recorder can't write before it is let go: everything waits by then.
        let _held = fake.content();
        let recorder = Recorder::start(Box::new(fake.clone()), RunView::new());
        journal.entries().chunks(1).for_each(|batch| recorder.record(batch));
        recorder
    };
    assert_eq!(recorder.finish(), []);
    let writes = fake.content().writes["run.json"];
    assert!(writes <= 2, "{writes} writes of run.json for {} lines", journal.entries().len());
}

#[test]
fn a_file_that_can_not_be_written_is_named_at_the_end_and_the_others_are_written() {
    let fake = FakeStore::default();
    fake.content().broken.push("worker-0/iter-001.json".to_owned());
    let journal = journal::every_outcome();
    let recorder = Recorder::start(Box::new(fake.clone()), RunView::new());
    recorder.record(journal.entries());
    let errors = recorder.finish();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].to_string(), "worker-0/iter-001.json: no space left");
    assert_eq!(fake.content().files.len(), 2 + 11);
}

#[test]
fn runs_are_listed_newest_first_and_a_wrong_id_gets_the_nearest() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join(".hew");
    let error = run_index::select(&state, None).unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("hew loop run --scope ready"));
    let at = |day: i64| chrono::DateTime::from_timestamp(1_795_000_000 + day * 86_400, 0).unwrap();
    let ids = [2, 1, 3].map(|day| JournalBuilder::launch_at(at(day), 1, 7).run_id().clone()).to_vec();
    for id in &ids {
        RunFolder::create(&state, id).unwrap();
    }
    fs::create_dir(state.join("loop/other")).unwrap();
    let listed: Vec<_> = run_index::list(&state).unwrap().into_iter().map(|run| run.id).collect();
    assert_eq!(listed, [ids[2].clone(), ids[0].clone(), ids[1].clone()]);
    assert_eq!(run_index::select(&state, None).unwrap().id, ids[2]);
    assert_eq!(run_index::select(&state, Some(ids[1].as_str())).unwrap().id, ids[1]);
    let typo = ids[1].as_str().replace("00000007", "00000008");
    let error = run_index::select(&state, Some(&typo)).unwrap_err();
    assert_eq!(error.causes, [format!("the nearest is {}", ids[1])]);
    let far = run_index::select(&state, Some("nope")).unwrap_err();
    assert_eq!((far.causes.len(), far.hint.as_deref()), (0, Some("hew loop list")), "nothing is near");
}

fn launched(run: &JournalBuilder) -> LedgerEvent {
    LedgerEvent::Launched {
        run_id: run.run_id().clone(),
        at: chrono::DateTime::UNIX_EPOCH,
        project: "/p".to_owned(),
        state_dir: "/p/.hew".to_owned(),
        target_branch: Some("main".into()),
        launch_sha: journal::launch_commit(),
        run_branch: "loop/x/main".into(),
        pid: 1,
        start_ticks: 1,
    }
}

#[test]
fn the_ledger_remembers_what_is_not_delivered_even_after_a_torn_line() {
    let folder = TempDir::new().unwrap();
    let shared = folder.path().join("git/hew");
    assert_eq!(ledger::read(&shared).unwrap(), (Vec::new(), None));
    let run = JournalBuilder::launch(1, 1);
    ledger::append(&shared, launched(&run)).unwrap();
    ledger::append(
        &shared,
        LedgerEvent::Ended {
            run_id: run.run_id().clone(),
            at: chrono::DateTime::UNIX_EPOCH,
            stop_reason: StopReason::ReadyEmpty,
            exit_code: 3,
            tip_sha: journal::commit(5),
            delivery: LedgerDelivery::Undelivered,
        },
    )
    .unwrap();
    fs::OpenOptions::new()
        .append(true)
        .open(ledger::path(&shared))
        .unwrap()
        .write_all(b"{\"kind\":\"wai")
        .unwrap();
    let (runs, warning) = ledger::read(&shared).unwrap();
    assert_eq!(undelivered(&runs, &"main".into()).len(), 1);
    assert!(warning.unwrap().contains("torn"));
    ledger::append(&shared, LedgerEvent::Waived { run_id: run.run_id().clone() }).unwrap();
    let (runs, warning) = ledger::read(&shared).unwrap();
    assert_eq!((undelivered(&runs, &"main".into()).len(), warning), (0, None));
}

#[test]
fn no_line_of_many_writers_of_the_ledger_is_lost() {
    let folder = TempDir::new().unwrap();
    let shared = folder.path().join("hew");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let shared = &shared;
            scope.spawn(move || {
                for number in 0..25 {
                    ledger::append(shared, launched(&JournalBuilder::launch(1, thread * 1000 + number)))
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(ledger::read(&shared).unwrap().0.len(), 100);
}

#[test]
fn a_second_run_is_refused_with_the_holder_and_the_lock_comes_back() {
    let folder = TempDir::new().unwrap();
    let (first, second) = (JournalBuilder::launch(1, 1), JournalBuilder::launch(1, 2));
    assert_eq!(holder(folder.path()), None);
    let lock = ProjectLock::acquire(folder.path(), first.run_id()).unwrap();
    assert_eq!(holder(folder.path()).unwrap().run_id, *first.run_id());
    match ProjectLock::acquire(folder.path(), second.run_id()) {
        Err(LockError::Held { run_id, pid }) => {
            assert_eq!((run_id.as_str(), pid), (first.run_id().as_str(), std::process::id()));
        }
        other => panic!("{other:?}"),
    }
    drop(lock);
    assert_eq!(holder(folder.path()), None);
    ProjectLock::acquire(folder.path(), second.run_id()).unwrap();
}

#[test]
fn a_holder_that_was_killed_holds_nothing() {
    let folder = TempDir::new().unwrap();
    let run = JournalBuilder::launch(1, 1);
    let mut child = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
    let stat = proc_tree::stat(child.id()).unwrap();
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    let dead = Holder { run_id: run.run_id().clone(), pid: stat.pid, start_ticks: stat.start_ticks, host };
    fs::write(folder.path().join("lock"), serde_json::to_string(&dead).unwrap()).unwrap();
    assert_eq!(holder(folder.path()), Some(dead.clone()));
    let reused = Holder { start_ticks: stat.start_ticks + 1, ..dead };
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(holder(folder.path()), None);
    let reused = Holder { pid: std::process::id(), ..reused };
    fs::write(folder.path().join("lock"), serde_json::to_string(&reused).unwrap()).unwrap();
    assert_eq!(holder(folder.path()), None, "another process with the same id is not the holder");
    ProjectLock::acquire(folder.path(), run.run_id()).unwrap();
}

/// A copy of a project, or one that another machine shares: what the file says was true elsewhere.
#[test]
fn a_lock_that_was_copied_with_its_folder_holds_nothing() {
    let folder = TempDir::new().unwrap();
    let run = JournalBuilder::launch(1, 1);
    let elsewhere =
        Holder { run_id: run.run_id().clone(), pid: 1, start_ticks: 1, host: "elsewhere".to_owned() };
    fs::write(folder.path().join("lock"), serde_json::to_string(&elsewhere).unwrap()).unwrap();
    assert_eq!(holder(folder.path()), None, "nobody holds the file itself");
    let lock = ProjectLock::acquire(folder.path(), run.run_id()).unwrap();
    assert_eq!(holder(folder.path()).unwrap().pid, std::process::id());
    drop(lock);
}

#[test]
fn a_watch_tells_of_files_that_change_come_or_are_replaced_and_of_no_others() {
    let folder = TempDir::new().unwrap();
    let (stop, log, queue) =
        (folder.path().join(".stop"), folder.path().join("log"), folder.path().join("queue"));
    fs::create_dir(&queue).unwrap();
    fs::write(&log, "a").unwrap();
    let watch = FileWatch::new([&stop, &log, &queue]).unwrap();
    fs::write(folder.path().join("unrelated"), "x").unwrap();
    assert_eq!(watch.wait(Some(Duration::ZERO)).unwrap(), Vec::<PathBuf>::new());
    fs::write(&stop, "").unwrap();
    assert_eq!(watch.wait(None).unwrap(), [stop]);
    files::write_atomically(&log, b"b").unwrap();
    assert!(watch.wait(None).unwrap().contains(&log));
    fs::write(queue.join("task.db"), "x").unwrap();
    assert!(watch.wait(None).unwrap().contains(&queue.join("task.db")));
}

#[test]
fn a_watch_forwards_into_a_channel() {
    let folder = TempDir::new().unwrap();
    let stop = folder.path().join(".stop");
    let (sender, receiver) = crossbeam_channel::bounded(1);
    FileWatch::new([&stop]).unwrap().forward(sender, |path| path).unwrap();
    fs::write(&stop, "").unwrap();
    assert_eq!(receiver.recv().unwrap(), stop);
}

#[test]
fn a_file_made_anew_keeps_a_summary_that_came_after_its_iteration_ended() {
    let folder = TempDir::new().unwrap();
    let mut journal = JournalBuilder::launch(1, 7);
    let id = journal::iteration(0, 1);
    journal.whole(id, "app-1", "One");
    journal.sum_up_late(id, "It is done.");
    let mut run = RunFolder::create(&folder.path().join(".hew"), journal.run_id()).unwrap();
    run.append(journal.entries()).unwrap();
    let name = hew_core::record::files::iteration_file_name(1, id);
    let summary = || {
        let text = fs::read_to_string(run.path().join(&name)).unwrap();
        parse::<IterationFile>(&text).unwrap().summary
    };
    let (view, _) = rebuild::rebuild(run.path(), |_| {}).unwrap();
    assert_eq!(summary().as_deref(), Some("It is done."));
    assert!(view.iterations.is_empty(), "nothing more is to come of it");
    assert!(store::fold(run.path(), false).unwrap().0.iterations.is_empty());
}
