//! The live view of the real program on a terminal: what is drawn, and that nothing of it is left, however the run ends.

use std::fs;

use hew_testkit::glass::Glass;
use hew_testkit::loop_stage::{LoopStage, wait_until};
use hew_testkit::terminal::{OnTerminal, ran_until_the_window_closes};
use nix::sys::signal::Signal;

const COLUMNS: u16 = 80;
const QUICK: &str = "loop.stop_grace = \"0s\"\nloop.kill_grace = \"1s\"";
const PATIENT: &str = "loop.stop_grace = \"10m\"\nloop.kill_grace = \"10m\"";

/// A run on a terminal whose only agent has begun and goes on when the file `go` is there.
struct Watched {
    stage: LoopStage,
    run: OnTerminal,
    task: String,
}

fn watched(settings: &str, then: &str, flags: &[&str]) -> Watched {
    let stage = LoopStage::new();
    stage.settings(settings);
    let begun = stage.path("begun");
    let task = stage.task(
        "A title that is much longer than what there is room for in a line of eighty columns \u{1b}[2J",
        &format!("print I look around\nwrite a.txt a\ncommit A\ntouch {}\n{then}", begun.display()),
    );
    let mut args = vec!["loop", "run", "--scope", "ready", "--no-gate", "--jobs", "2"];
    args.extend(flags);
    let run = OnTerminal::start(stage.repo.hew(&args), COLUMNS);
    wait_until("the agent", || begun.exists());
    Watched { stage, run, task }
}

const WAITS: &str = "wait-for ${HEW_PROJECT}/../go\ndone";
const HANGS: &str = "ignore-term\nhang";

/// The live lines are on the terminal, each in a row of its own, and the cursor below them.
fn is_live(glass: &Glass) -> bool {
    let Some(frame) = glass.frame("w0  ") else { return false };
    frame.len() >= 5 && frame[0].contains("running") && frame.iter().any(|row| row.contains("0/1 landed"))
}

fn is_gone(glass: &Glass) -> bool {
    let rows = glass.rows();
    !rows.iter().any(|row| row.contains("0/1 landed") || row.starts_with("w1    idle"))
}

#[test]
fn live_lines_show_what_goes_on_and_are_gone_after_every_end() {
    type End = (&'static str, &'static str, &'static str, &'static [Signal], i32);
    let ends: [End; 5] = [
        ("its own", "", WAITS, &[], 0),
        ("Ctrl-C", QUICK, HANGS, &[Signal::SIGINT], 130),
        ("Ctrl-C twice", PATIENT, HANGS, &[Signal::SIGINT, Signal::SIGINT], 130),
        ("TERM", QUICK, HANGS, &[Signal::SIGTERM], 143),
        ("HUP", QUICK, HANGS, &[Signal::SIGHUP], 129),
    ];
    for (end, settings, then, signals, expected) in ends {
        let Watched { stage, run, task } = watched(settings, then, &[]);
        run.wait_until("the live lines", is_live);
        let glass = run.glass();
        assert!(glass.text().contains(&task) && glass.is_cursor_at_rest(), "{}", glass.text());
        match signals {
            [] => fs::write(stage.path("go"), "").unwrap(),
            [first, more @ ..] => {
                run.signal(*first);
                for signal in more {
                    run.wait_until("the stop", |glass| glass.text().contains("stop (signal)"));
                    run.signal(*signal);
                }
            }
        }
        let (code, glass) = run.end();
        let text = glass.text();
        assert_eq!(code, expected, "{end}: {text}");
        assert!(is_gone(&glass) && glass.is_cursor_at_rest(), "{end}: {text}");
        assert!(text.contains("run ended:") && text.contains("logs: "), "{end}: {text}");
        if !signals.is_empty() {
            let anchor = stage.journal_of("collected").pop().unwrap()["anchor"].as_str().unwrap().to_owned();
            let unwrapped = text.replace('\n', "");
            assert!(unwrapped.contains(&format!("git log -p {anchor}")), "{end}: {text}");
            assert!(unwrapped.contains("is kept under refs/hew/"), "{end}: {text}");
        }
        stage.assert_nothing_runs();
    }
}

#[test]
fn a_sudden_death_leaves_a_cursor_below_the_lines_and_no_mode_changed() {
    let Watched { stage, run, .. } = watched("", HANGS, &[]);
    run.wait_until("the live lines", is_live);
    run.signal(Signal::SIGKILL);
    let (code, glass) = run.end();
    assert_eq!(code, 137);
    assert!(glass.is_cursor_at_rest(), "{}", glass.text());
    wait_until("the end of the agent", || stage.processes().is_empty());
    let status = stage.ok(&["loop", "status"]);
    assert!(status.contains("  crashed\n") && status.contains("cut off: running"), "{status}");
    let json: serde_json::Value = serde_json::from_str(&stage.ok(&["loop", "status", "--json"])).unwrap();
    assert_eq!(json["state"], "crashed");
}

/// Process ids of the agent and what it has started.
fn agents(stage: &LoopStage) -> Vec<i32> {
    let all = stage.processes().into_iter();
    all.filter(|(_, line)| line.contains("hew-stub-agent")).map(|(pid, _)| pid).collect()
}

fn state(pid: i32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.expect("the kernel writes it so")
}

#[test]
fn a_quiet_run_that_is_stopped_stops_its_agents_and_goes_on_with_them() {
    let Watched { stage, run, .. } = watched("", &format!("daemon\n{WAITS}"), &["-q"]);
    wait_until("the agent's own", || agents(&stage).len() >= 2);
    run.signal(Signal::SIGTSTP);
    wait_until("the stop", || state(run.pid().as_raw()) == 'T');
    let agents = agents(&stage);
    // A process that was told to stop does so when it has its next turn.
    wait_until("the agents' stop", || agents.iter().all(|pid| state(*pid) == 'T'));
    run.signal(Signal::SIGCONT);
    fs::write(stage.path("go"), "").unwrap();
    let (code, glass) = run.end();
    assert_eq!(code, 0, "{}", glass.text());
}

#[test]
fn a_window_that_is_closed_ends_the_run_with_its_record() {
    let stage = LoopStage::new();
    stage.settings(QUICK);
    let begun = stage.path("begun");
    let task = stage.task("Task", &format!("write half.txt h\ntouch {}\ndaemon\nhang", begun.display()));
    let args = ["loop", "run", "--scope", "ready", "--no-gate"];
    let code = ran_until_the_window_closes(&stage.repo, &args, || wait_until("the agent", || begun.exists()));
    assert_eq!(code, 129);
    assert_eq!(stage.outcomes(&task), ["cancelled"]);
    assert!(stage.is_free(&task));
    let work = stage.journal_of("collected").pop().unwrap();
    assert_eq!(stage.file_at(work["anchor"].as_str().unwrap(), "half.txt").unwrap(), "h");
    stage.assert_left_clean();
}

#[test]
fn a_stopped_run_leaves_the_terminal_to_others_and_comes_back() {
    let Watched { stage, run, .. } = watched("", &format!("daemon\nchild\n{WAITS}"), &[]);
    run.wait_until("the live lines", is_live);
    wait_until("the agent's own", || agents(&stage).len() >= 3);
    run.signal(Signal::SIGTSTP);
    wait_until("the stop", || state(run.pid().as_raw()) == 'T');
    run.wait_until("an empty terminal", is_gone);
    let agents = agents(&stage);
    assert!(
        agents.len() >= 3 && agents.iter().all(|pid| state(*pid) == 'T'),
        "agents stand still, too: {agents:?}"
    );
    run.signal(Signal::SIGCONT);
    run.wait_until("the live lines", is_live);
    wait_until("the agents to go on", || agents.iter().all(|pid| state(*pid) != 'T'));
    fs::write(stage.path("go"), "").unwrap();
    let (code, glass) = run.end();
    assert_eq!(code, 0, "{}", glass.text());
    assert!(is_gone(&glass), "{}", glass.text());
}

#[test]
fn lines_follow_the_width_of_the_window() {
    let Watched { stage, mut run, .. } = watched("", WAITS, &[]);
    run.wait_until("the live lines", is_live);
    let from = run.bytes().len();
    run.resize(130);
    let has_bar = |bytes: &[u8]| String::from_utf8_lossy(&bytes[from..]).contains("╌ 0/1 landed");
    wait_until("wide lines", || has_bar(&run.bytes()));
    let from = run.bytes().len();
    run.resize(40);
    wait_until("narrow lines", || String::from_utf8_lossy(&run.bytes()[from..]).contains("m0/1 landed"));
    let narrow = String::from_utf8_lossy(&run.bytes()[from..]).into_owned();
    let wiped = "\r\u{1b}[5A\u{1b}[J";
    assert!(!narrow.starts_with(wiped), "what the terminal wrapped is wiped as well: {narrow:?}");
    fs::write(stage.path("go"), "").unwrap();
    assert_eq!(run.end().0, 0);
}

#[test]
fn nothing_is_drawn_where_nobody_wants_or_can_have_it() {
    let cases: [(&[&str], Option<&str>); 3] = [(&["-q"], None), (&["--json"], None), (&[], Some("dumb"))];
    for (flags, term) in cases {
        let stage = LoopStage::new();
        stage.task("Task", "write a.txt a\ncommit A\ndone");
        let mut args = vec!["loop", "run", "--scope", "ready", "--no-gate"];
        args.extend(flags);
        let mut command = stage.repo.hew(&args);
        if let Some(term) = term {
            command.env("TERM", term);
        }
        let mut run = OnTerminal::start(command, COLUMNS);
        assert_eq!(run.wait(), 0);
        let bytes = run.bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(
            !text.contains("\u{1b}[J") && !text.contains("\u{1b}[2K") && !text.contains("0/1 landed"),
            "{text:?}"
        );
        assert_eq!(text.contains("started: 1 worker"), !flags.contains(&"-q"), "{text}");
    }
}

#[test]
fn a_terminal_that_takes_no_output_holds_up_no_run() {
    let stage = LoopStage::new();
    for number in 0..25 {
        stage.task(&format!("Task {number}"), &format!("write {number}.txt a\ncommit A\ndone"));
    }
    let flags = ["-v", "loop", "run", "--scope", "ready", "--no-gate", "--jobs", "2"];
    let run = OnTerminal::start_paused(stage.repo.hew(&flags), COLUMNS);
    wait_until("the end of the run", || {
        !stage.run_folders().is_empty() && stage.has_event(|entry| entry["kind"] == "run_ended")
    });
    let told = run.bytes().len();
    // The project is free: the next one need not wait until somebody reads.
    stage.task("Late", "write late.txt a\ncommit A\ndone");
    wait_until("the lock", || stage.run(&["--no-gate"]).code == 0);
    assert_eq!(told, 0, "nobody has read anything yet");
    run.go_on();
    let (code, glass) = run.end();
    assert_eq!(code, 0, "{}", glass.text());
    assert!(glass.text().contains("run ended: ready_empty") && is_gone(&glass), "{}", glass.text());
}

#[test]
fn watching_draws_until_the_run_ends_and_leaves_its_last_word() {
    let Watched { stage, run, .. } = watched("", WAITS, &[]);
    run.wait_until("the live lines", is_live);
    let watch = || OnTerminal::start(stage.repo.hew(&["loop", "status", "--watch"]), COLUMNS);
    let shows = |glass: &Glass| {
        let text = glass.text();
        text.contains("  running\n") && text.contains("w1    idle") && glass.is_cursor_at_rest()
    };
    let (stays, leaves) = (watch(), watch());
    stays.wait_until("what goes on", shows);
    leaves.wait_until("what goes on", shows);
    assert!(
        stays.glass().text().contains("I look around"),
        "what the agent said last: {}",
        stays.glass().text()
    );
    leaves.signal(Signal::SIGINT);
    let (code, glass) = leaves.end();
    assert_eq!((code, glass.text().as_str()), (130, ""), "nothing is left of it");
    fs::write(stage.path("go"), "").unwrap();
    assert_eq!(run.end().0, 0);
    let (code, glass) = stays.end();
    assert_eq!(code, 0);
    assert!(
        glass.text().contains("  completed\n") && !glass.text().contains("w1    idle"),
        "{}",
        glass.text()
    );
}
