//! Hard cases of the tracker's program, by a stand-in that says what bd may say. bd itself is not needed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hew::adapters::bd::{BdTracker, LIMIT, Program};
use hew_core::ids::{Actor, TaskId};
use hew_core::tracker::{
    BdClient, ClaimOutcome, CloseOutcome, ReadyQuery, ReleaseOutcome, Scope, TrackerError,
};
use hew_testkit::loop_stage::LoopStage;
use hew_testkit::tracker_clock::TickingClock;
use tempfile::TempDir;

/// A task in bd's words.
const TASK: &str = r#"{"id":"a-1","title":"A","status":"STATUS","priority":1,"issue_type":"task","created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"EXTRA}"#;

fn task(status: &str, extra: &str) -> String {
    TASK.replace("STATUS", status).replace("EXTRA", extra)
}

/// A program that answers by its arguments, and writes down how it was called.
struct StandIn {
    folder: TempDir,
}

impl StandIn {
    /// `cases` are those of a shell's `case "$*"`; `version` is answered already.
    fn new(cases: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        fs::create_dir(folder.path().join(".beads")).expect("the temporary folder can be written");
        let here = folder.path().display();
        let text = format!(
            "#!/bin/sh\necho \"$*\" >> {here}/calls\nenv > {here}/env\ncd {here}\ncase \"$*\" in\n\
             \"version --json\") echo '{{\"version\":\"1.3.0\"}}' ;;\n{cases}\n\
             *) echo \"unexpected: $*\" >&2; exit 9 ;;\nesac\n"
        );
        fs::write(folder.path().join("bd"), text).expect("the temporary folder can be written");
        fs::set_permissions(folder.path().join("bd"), fs::Permissions::from_mode(0o755))
            .expect("the temporary folder can be written");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn tracker(&self) -> BdTracker {
        self.open(LIMIT).expect("it answers its version")
    }

    fn open(&self, limit: Duration) -> Result<BdTracker, TrackerError> {
        let command = self.path("bd").display().to_string();
        let program = Program { command, beads_dir: self.path(".beads"), limit, has_hooks: true };
        BdTracker::open(program, &self.path("shared"), Arc::new(TickingClock::default()))
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.path("calls")).expect("it was called")
    }
}

fn everything() -> ReadyQuery {
    ReadyQuery {
        only: None,
        scope: Scope::Ready,
        exclude: [].into(),
        hold_open: [].into(),
        with_parked: false,
        limit: None,
    }
}

fn mine() -> Actor {
    Actor::from("hew/run/w0/1")
}

#[test]
fn a_claim_counts_only_if_it_is_ours_when_it_is_read_back() {
    let id = TaskId::from("a-1");
    for (said, then, extra, wanted) in [
        // It says that we have won, and somebody else holds it.
        ("exit 0", "in_progress", r#","assignee":"rival""#, ClaimOutcome::HeldBy(Actor::from("rival"))),
        (
            "echo '{\"error\":\"already claimed\"}' >&2; exit 1",
            "in_progress",
            r#","assignee":"rival""#,
            ClaimOutcome::HeldBy(Actor::from("rival")),
        ),
        (
            "echo 'issue not claimable' >&2; exit 1",
            "deferred",
            "",
            ClaimOutcome::NotOpen(hew_core::tracker::Status::Deferred),
        ),
    ] {
        let stand_in = StandIn::new(&format!(
            "list*) if [ -e claimed ]; then echo '[{}]'; else echo '[{}]'; fi ;;\nupdate*--claim*) touch claimed; {said} ;;",
            task(then, extra),
            task("open", "")
        ));
        assert_eq!(stand_in.tracker().claim(&id, &mine()).unwrap(), wanted, "{said}");
        assert!(
            stand_in.calls().contains("update a-1 --claim --json --actor=hew/run/w0/1"),
            "{}",
            stand_in.calls()
        );
    }
    let stand_in = StandIn::new(&format!(
        "list*) if [ -e claimed ]; then echo '[{}]'; else echo '[{}]'; fi ;;\n\
         update*) touch claimed; echo 'it broke after it had written' >&2; exit 1 ;;",
        task("in_progress", r#","assignee":"hew/run/w0/1""#),
        task("open", "")
    ));
    let won = stand_in.tracker().claim(&id, &mine()).unwrap();
    assert!(matches!(won, ClaimOutcome::Won(_)), "a claim that is ours is won, whatever was said: {won:?}");
    let failed = StandIn::new(&format!(
        "list*) echo '[{}]' ;;\nupdate*) echo 'lock' >&2; exit 1 ;;",
        task("open", "")
    ));
    let error = failed.tracker().claim(&id, &mine()).unwrap_err().to_string();
    assert!(error.contains("--claim") && error.contains("lock"), "{error}");
}

#[test]
fn ids_are_whole() {
    // bd finds a task by a part of its id, and may answer another one.
    let stand_in = StandIn::new(&format!("list*) echo '[{}]' ;;", task("open", "")));
    let tracker = stand_in.tracker();
    assert_eq!(tracker.task(&TaskId::from("a")).unwrap(), None);
    assert_eq!(tracker.claim(&TaskId::from("a"), &mine()).unwrap(), ClaimOutcome::Missing);
    assert!(!stand_in.calls().contains("update"));
}

#[test]
fn a_close_that_is_refused_is_told_in_the_programs_words() {
    let id = TaskId::from("a-1");
    let stand_in = StandIn::new(&format!(
        "list*) echo '{{\"schema_version\":1,\"data\":[{0}]}}' ;;\nexport*) echo '{0}' ;;\n\
         close*) cat > reason; echo 'warning: role' >&2; echo 'cannot close blocked issue' >&2; exit 1 ;;",
        task("open", "")
    ));
    let refused = stand_in.tracker().close(&id, "landed abc: x\ny", &mine()).unwrap();
    assert_eq!(refused, CloseOutcome::Refused("cannot close blocked issue".to_owned()));
    assert_eq!(fs::read_to_string(stand_in.path("reason")).unwrap(), "landed abc: x\ny");
    // It ends well and leaves the task out of its answer.
    let silent = StandIn::new(&format!(
        "list*) echo '[{0}]' ;;\nexport*) echo '{0}' ;;\nclose*) echo '[]' ;;",
        task("open", "")
    ));
    let refused = silent.tracker().close(&id, "r", &mine()).unwrap();
    assert_eq!(refused, CloseOutcome::Refused("it is open still".to_owned()));
    let release = StandIn::new(&format!(
        "list*) echo '[{}]' ;;\nupdate*) echo '{{\"error\":\"held\"}}'; exit 1 ;;",
        task("in_progress", r#","assignee":"hew/run/w0/1""#)
    ));
    let error = release.tracker().release(&id, &mine()).unwrap_err().to_string();
    assert!(error.contains("held"), "{error}");
}

#[test]
fn a_task_that_was_released_is_free_and_nobody_elses_is_touched() {
    let id = TaskId::from("a-1");
    let stand_in =
        StandIn::new(&format!("list*) echo '[{}]' ;;", task("in_progress", r#","assignee":"rival""#)));
    let outcome = stand_in.tracker().release(&id, &mine()).unwrap();
    assert_eq!(outcome, ReleaseOutcome::HeldBy(Actor::from("rival")));
    assert!(!stand_in.calls().contains("update"));
}

#[test]
fn a_question_that_fails_is_asked_again() {
    let stand_in = StandIn::new(&format!(
        "ready*) if mkdir once 2>/dev/null; then echo 'database is locked' >&2; exit 1; fi\n\
         echo 'Notice: new version'; echo '[{0}]' ;;\nexport*) echo '{0}' ;;",
        task("open", "")
    ));
    let ready = stand_in.tracker().ready(&everything()).unwrap();
    assert_eq!(ready.len(), 1);
    assert_eq!(stand_in.calls().matches("ready --json --limit=0").count(), 2);
    for answer in ["", "echo 'no beads here'", "echo '{\"error\":\"corrupt\"}'", "printf '[\\377]'"] {
        let broken = StandIn::new(&format!("ready*) {answer} ;;"));
        let error = broken.tracker().ready(&everything()).unwrap_err().to_string();
        assert!(error.contains("ready"), "{answer}: {error}");
    }
}

#[test]
fn the_list_is_kept_until_something_is_written_or_somebody_asks_whether_it_changed() {
    let stand_in = StandIn::new(&format!(
        "ready*) echo '[{0}]' ;;\nexport*) if [ -e more ]; then echo '{1}'; fi; echo '{0}' ;;\nlist*) echo '[{0}]' ;;\nnote*) echo '{{}}' ;;",
        task("open", ""),
        task("open", "").replace("a-1", "a-2")
    ));
    let tracker = stand_in.tracker();
    let reads = || stand_in.calls().matches("export --all").count();
    tracker.ready(&everything()).unwrap();
    assert_eq!(tracker.count_open(&Scope::Ready).unwrap(), 1);
    assert_eq!((tracker.ready(&everything()).unwrap().len(), reads()), (1, 1));
    assert!(!tracker.has_changed().unwrap());
    fs::write(stand_in.path("more"), "").unwrap();
    assert_eq!(tracker.count_open(&Scope::Ready).unwrap(), 1);
    assert!(tracker.has_changed().unwrap());
    assert_eq!((tracker.count_open(&Scope::Ready).unwrap(), reads()), (2, 3));
    tracker.note(&TaskId::from("a-1"), "x").unwrap();
    tracker.count_open(&Scope::Ready).unwrap();
    assert_eq!(reads(), 4, "after a write it is read anew");
}

#[test]
fn the_program_is_given_its_store_and_nothing_to_do_besides() {
    let stand_in = StandIn::new("memories*) echo '{\"b\":\"two\",\"a\":\"one\"}' ;;");
    let memories = stand_in.tracker().memories().unwrap();
    assert_eq!(memories, [("a".to_owned(), "one".to_owned()), ("b".to_owned(), "two".to_owned())]);
    let env = fs::read_to_string(stand_in.path("env")).unwrap();
    let beads = format!("BEADS_DIR={}", stand_in.path(".beads").display());
    for set in [
        beads.as_str(),
        "BD_JSON_ENVELOPE=1",
        "BD_NON_INTERACTIVE=1",
        "NO_COLOR=1",
        "BD_EXPORT_AUTO=false",
        "BD_EXPORT_GIT_ADD=false",
        "BD_DOLT_AUTO_PUSH=false",
        "BD_DISABLE_METRICS=1",
    ] {
        assert!(env.lines().any(|line| line == set), "{set}");
    }
}

#[test]
fn a_call_that_hangs_is_ended_and_named() {
    let stand_in =
        StandIn::new("ready*) sleep 1000 & echo $! > child; trap 'echo term > told; exit 1' TERM; wait ;;");
    // Time enough to answer its version on any machine; the call that hangs takes all of it.
    let tracker = stand_in.open(Duration::from_secs(4)).unwrap();
    let error = tracker.ready(&everything()).unwrap_err().to_string();
    assert!(error.contains("ready") && error.contains("no answer within 4 s"), "{error}");
    assert_eq!(fs::read_to_string(stand_in.path("told")).unwrap(), "term\n", "it is asked to end first");
    assert_eq!(stand_in.calls().matches("ready").count(), 1, "and not asked again");
}

#[test]
fn a_program_that_is_missing_or_too_old_is_told_before_anything_starts() {
    let stage = LoopStage::new();
    let set = |kind: &str, command: &str| {
        stage.settings(&format!("tracker.kind = \"{kind}\"\ntracker.command = \"{command}\""));
    };
    let told = |args: &[&str], parts: &[&str]| {
        let ran = stage.hew(args);
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.stderr);
        for part in parts {
            assert!(ran.stderr.contains(part), "{part} is not in: {}", ran.stderr);
        }
    };
    let run = ["loop", "run", "--scope", "ready"];
    set("bd", "no-such-bd");
    told(&["task", "list"], &["no folder .beads", "tracker.kind is bd", "bd init"]);
    assert!(!stage.repo.root().join(".beads").exists(), "bd init is the person's to call");
    fs::create_dir(stage.repo.root().join(".beads")).unwrap();
    told(&["task", "list"], &["no-such-bd", "tasks live in bd", "hew config set tracker.command"]);
    told(&run, &["no-such-bd"]);

    let old = StandIn::new("");
    let text = fs::read_to_string(old.path("bd")).unwrap().replace("1.3.0", "0.58.0");
    fs::write(old.path("bd"), text).unwrap();
    set("auto", &old.path("bd").display().to_string());
    told(&["task", "list"], &["0.58.0", "1.0.5 or later is needed", "there is a folder .beads"]);
    told(&run, &["0.58.0"]);
    assert!(stage.run_folders().is_empty());

    // `auto` without the program: hew's own store, and why.
    set("auto", "no-such-bd");
    let dry = stage.ok(&["loop", "run", "--scope", "ready", "--dry-run"]);
    assert!(
        dry.contains("tasks in embedded (there is a folder .beads, but no program `no-such-bd` on PATH)"),
        "{dry}"
    );
}

/// What the program tells of a task that `who` closed, oldest last.
fn history(who: &str) -> String {
    format!(
        r#"[{{"event_type":"closed","actor":"{who}","created_at":"2026-01-02T00:00:00Z"}},{{"event_type":"created","actor":"x","created_at":"2026-01-01T00:00:00Z"}}]"#
    )
}

#[test]
fn who_closed_a_task_is_asked_again_and_is_an_error_where_it_can_not_be_told() {
    let id = TaskId::from("a-1");
    let closed = |history: &str| {
        StandIn::new(&format!("list*) echo '[{}]' ;;\nhistory*) {history} ;;", task("closed", "")))
    };
    let closed_by = |stand_in: &StandIn| {
        let task = stand_in.tracker().task(&id).unwrap().unwrap();
        task.record.get("closed_by_session").cloned()
    };
    let once = closed(&format!(
        "if mkdir once 2>/dev/null; then echo 'database is locked' >&2; exit 1; fi; echo '{}'",
        history("ann")
    ));
    assert_eq!(closed_by(&once), Some("ann".into()));
    let broken = closed("echo 'database is locked' >&2; exit 1");
    let error = broken.tracker().task(&id).unwrap_err().to_string();
    assert!(error.contains("database is locked"), "{error}");
    for old in ["unknown flag: --events", "unknown command \"history\" for \"bd\""] {
        let old = closed(&format!("echo 'Error: {old}' >&2; exit 1"));
        assert_eq!(closed_by(&old), None);
        assert_eq!(old.calls().matches("history").count(), 1, "its answer will be no other");
    }
}

#[test]
fn only_ones_own_close_is_done_again_with_the_whole_reason() {
    let id = TaskId::from("a-1");
    let stand_in = |who: &str| {
        StandIn::new(&format!(
            "list*) if [ -e reopened ]; then echo '[{0}]'; else echo '[{1}]'; fi ;;\nexport*) echo '{1}' ;;\n\
             history*) echo '{2}' ;;\n\
             reopen*) touch reopened; echo '{{}}' ;;\nclose*) rm reopened; cat > reason; echo '{{}}' ;;",
            task("in_progress", r#","assignee":"hew/run/w0/1""#),
            task("closed", r#","assignee":"hew/run/w0/1","close_reason":"over""#),
            history(who)
        ))
    };
    let own = stand_in("hew/run/w0/1");
    assert_eq!(own.tracker().close(&id, "landed abc", &mine()).unwrap(), CloseOutcome::Closed);
    assert_eq!(fs::read_to_string(own.path("reason")).unwrap(), "landed abc: over");
    assert!(own.calls().contains("reopen a-1 --json --actor=hew/run/w0/1"), "{}", own.calls());
    // The program leaves a task with its holder, whoever closes it.
    let theirs = stand_in("ann");
    theirs.tracker().close(&id, "landed abc", &mine()).unwrap();
    let calls = theirs.calls();
    assert!(!calls.contains("reopen") && !calls.contains("close a-1"), "{calls}");
}

#[test]
fn what_is_said_of_a_claimed_task_is_said_by_its_claimer() {
    let id = TaskId::from("a-1");
    let stand_in = StandIn::new(&format!(
        "list*) if [ -e claimed ]; then echo '[{}]'; else echo '[{}]'; fi ;;\n\
         update*--claim*) touch claimed; echo '{{}}' ;;\nupdate*|note*) echo '{{}}' ;;",
        task("in_progress", r#","assignee":"hew/run/w0/1""#),
        task("open", "")
    ));
    let tracker = stand_in.tracker();
    tracker.note(&id, "a person's").unwrap();
    assert!(!stand_in.calls().contains("--actor"), "a person is whom the program finds");
    tracker.claim(&id, &mine()).unwrap();
    tracker.note(&id, "the run's").unwrap();
    tracker.add_labels(&id, &["x"]).unwrap();
    let calls = stand_in.calls();
    assert!(calls.contains("note a-1 --stdin --json --actor=hew/run/w0/1"), "{calls}");
    assert!(calls.contains("update a-1 --json --add-label=x --actor=hew/run/w0/1"), "{calls}");
}

#[test]
fn a_lock_that_another_process_keeps_is_told_and_not_waited_for_without_end() {
    let stand_in = StandIn::new(&format!("list*) echo '[{}]' ;;\nnote*) echo '{{}}' ;;", task("open", "")));
    // Time enough to answer on any machine; the lock that is kept takes all of it.
    let tracker = stand_in.open(Duration::from_secs(4)).unwrap();
    fs::create_dir_all(stand_in.path("shared/tracker")).unwrap();
    let lock = fs::File::create(stand_in.path("shared/tracker/bd.lock")).unwrap();
    lock.lock().unwrap();
    let error = tracker.note(&TaskId::from("a-1"), "x").unwrap_err().to_string();
    assert!(error.contains("another hew process holds the tracker's lock"), "{error}");
    assert!(error.contains("bd.lock") && !stand_in.calls().contains("note"), "{error}");
    drop(lock);
    tracker.note(&TaskId::from("a-1"), "x").unwrap();
}

#[test]
fn what_is_held_is_read_afresh_and_spares_the_next_list_half_of_its_reading() {
    let stand_in = StandIn::new(&format!(
        "ready*) echo '[{0}]' ;;\nexport*) echo '{0}'; echo '{1}' ;;\nlist*) echo '[{0}]' ;;\nnote*) echo '{{}}' ;;",
        task("open", ""),
        task("in_progress", r#","assignee":"hew/run/w0/1""#).replace("a-1", "a-2")
    ));
    let tracker = stand_in.tracker();
    let reads = || {
        let calls = stand_in.calls();
        (calls.matches("export --all").count(), calls.matches("ready --json").count())
    };
    assert_eq!(tracker.held_by("hew/run/").unwrap(), [TaskId::from("a-2")]);
    assert_eq!(reads(), (1, 0), "what is ready is not asked for");
    assert_eq!((tracker.ready(&everything()).unwrap().len(), reads()), (1, (1, 1)));
    assert_eq!((tracker.ready(&everything()).unwrap().len(), reads()), (1, (1, 1)));
    tracker.held_by("hew/run/").unwrap();
    tracker.note(&TaskId::from("a-1"), "x").unwrap();
    assert_eq!((tracker.ready(&everything()).unwrap().len(), reads()), (1, (3, 2)), "a write lies between");
}

/// Own writes tell nothing new; what somebody else does meanwhile is told, to a task that was written to as well.
#[test]
fn an_own_write_is_no_change_and_another_ones_is() {
    let stand_in = StandIn::new(&format!(
        "ready*) echo '[]' ;;\nexport*) cat tasks ;;\nlist*) echo \"[$(head -n 1 tasks)]\" ;;\nnote*) echo '{{}}' ;;\n\
         update*) echo '{}' > tasks; cat more >> tasks; echo '[]' ;;",
        task("in_progress", r#","assignee":"hew/run/w0/1""#)
    ));
    let tracker = stand_in.tracker();
    let writes = |name: &str, text: &str| fs::write(stand_in.path(name), text.to_owned() + "\n").unwrap();
    let other = task("open", "").replace("a-1", "a-2");
    writes("more", &other);
    writes("tasks", &format!("{}\n{other}", task("open", "")));
    tracker.ready(&everything()).unwrap();
    assert!(!tracker.has_changed().unwrap());
    let id = TaskId::from("a-1");
    assert!(matches!(tracker.claim(&id, &mine()).unwrap(), ClaimOutcome::Won(_)));
    assert!(!tracker.has_changed().unwrap(), "a claim of one's own");
    tracker.note(&id, "x").unwrap();
    assert!(!tracker.has_changed().unwrap(), "a note of one's own");
    tracker.note(&id, "x").unwrap();
    let held = fs::read_to_string(stand_in.path("tasks")).unwrap().lines().next().unwrap().to_owned();
    writes("tasks", &format!("{held}\n{}", other.replace("open", "closed")));
    assert!(tracker.has_changed().unwrap(), "another task, beside a note of one's own");
    tracker.note(&id, "x").unwrap();
    writes("tasks", &format!("{}\n{other}", held.replace("in_progress", "closed")));
    assert!(tracker.has_changed().unwrap(), "the very task that was written to");
    writes("tasks", &other);
    tracker.note(&TaskId::from("a-2"), "x").unwrap();
    assert!(tracker.has_changed().unwrap(), "a task is gone");
}
