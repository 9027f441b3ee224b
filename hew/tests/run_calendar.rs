//! A calendar that jumps by a day while agents work (landing.md L24): every duration and limit is the monotonic clock's.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use hew_testkit::loop_stage::{LoopStage, Running};
use hew_testkit::tool;
use serde_json::Value;

/// The system's calendar, moved by as many seconds as a file says.
const CALENDAR: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, clock, now);
    const char *path = getenv("CALENDAR");
    if (result != 0 || clock != CLOCK_REALTIME || !path) return result;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return result;
    char text[32] = {0};
    if (read(file, text, sizeof text - 1) > 0) now->tv_sec += atol(text);
    close(file);
    return result;
}
"#;

const DAY: i64 = 86_400;

/// Makes the library; none where no compiler is.
fn calendar(stage: &LoopStage) -> Option<PathBuf> {
    let compiler = tool::on_path("cc")?;
    let (source, library) = (stage.path("calendar.c"), stage.path("calendar.so"));
    fs::write(&source, CALENDAR).unwrap();
    let made =
        Command::new(compiler).args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status().unwrap();
    assert!(made.success());
    Some(library)
}

/// Far less than a day, and far more than anything here takes.
const HOUR_MS: u64 = 3_600_000;

#[test]
fn a_calendar_that_jumps_by_a_day_ends_nothing_and_lengthens_nothing() {
    for jumps in [[DAY, 0], [-DAY, 0], [DAY, -DAY]] {
        let stage = LoopStage::new();
        let Some(library) = calendar(&stage) else { return };
        let moved = stage.path("moved");
        fs::write(&moved, "0").unwrap();
        stage.settings("loop.timeout = \"30m\"\nloop.stall_timeout = \"10m\"\nloop.gate.timeout = \"10m\"");
        let work = |name: &str| {
            let (begun, go) = (stage.path(&format!("{name}-begun")), stage.path(&format!("{name}-go")));
            format!(
                "touch {}\nwait-for {}\nwrite {name}.txt {name}\ncommit {name}\ndone",
                begun.display(),
                go.display()
            )
        };
        let first = stage.task("First", &work("first"));
        let second = stage.task_with("Second", &["--dep", &first], &work("second"));
        let mut command =
            stage.repo.hew(&["loop", "run", "--scope", "ready", "--gate", "true", "--budget-wall", "2h"]);
        command.env("LD_PRELOAD", &library).env("CALENDAR", &moved);
        let mut run = Running::spawn(command);
        for (name, jump) in [("first", jumps[0]), ("second", jumps[1])] {
            run.wait_for(stage.path(&format!("{name}-begun")));
            fs::write(&moved, jump.to_string()).unwrap();
            fs::write(stage.path(&format!("{name}-go")), "").unwrap();
        }
        let ran = run.end();
        assert_eq!(ran.code, 0, "{jumps:?}: {}", ran.stderr);
        for task in [&first, &second] {
            assert_eq!(stage.outcomes(task), ["closed"], "{jumps:?}");
        }
        let dates: Vec<String> =
            stage.journal().iter().map(|entry| entry["at"].as_str().unwrap()[..10].to_owned()).collect();
        assert_ne!(dates.iter().max(), dates.iter().min(), "the calendar of the program has jumped");
        let summary: Value = serde_json::from_str(&stage.ok(&["loop", "summary", "--json"])).unwrap();
        for took in [&summary["duration_ms"], &summary["workers"][0]["busy_ms"]] {
            assert!(took.as_u64().is_some_and(|ms| ms < HOUR_MS), "{jumps:?}: {summary:#}");
        }
        stage.assert_left_clean();
    }
}
