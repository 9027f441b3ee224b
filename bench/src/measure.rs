//! Wall time, processor time of the whole family of processes, and the memory of one of them.

use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use crate::Problem;

/// How often a process is asked for its memory.
const MEMORY_PERIOD: Duration = Duration::from_millis(50);

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Seconds on the clock.
    pub(crate) wall: f64,
    /// Seconds of processor time, of everything that ran and was waited for.
    pub(crate) cpu: f64,
    /// The largest resident size of the program itself, in KiB; 0 where it was not looked at.
    pub(crate) peak_kib: u64,
}

/// Measures a piece of work of this process and its children.
pub(crate) fn timed<T>(work: impl FnOnce() -> Result<T, Problem>) -> Result<(T, Sample), Problem> {
    let (cpu, start) = (cpu_seconds(), Instant::now());
    let done = work()?;
    let wall = start.elapsed().as_secs_f64();
    Ok((done, Sample { wall, cpu: cpu_seconds() - cpu, peak_kib: 0 }))
}

fn cpu_seconds() -> f64 {
    let seconds = |time: TimeVal| Duration::from_micros(micros(time)).as_secs_f64();
    let of =
        |who| getrusage(who).map_or(0.0, |usage| seconds(usage.user_time()) + seconds(usage.system_time()));
    of(UsageWho::RUSAGE_SELF) + of(UsageWho::RUSAGE_CHILDREN)
}

fn micros(time: TimeVal) -> u64 {
    u64::try_from(time.tv_sec()).unwrap_or(0) * 1_000_000 + u64::try_from(time.tv_usec()).unwrap_or(0)
}

/// This process's own largest resident size, in KiB. Not the one of `getrusage`: that keeps, beyond `exec`, what the
/// process was when it was still a copy of its parent.
pub(crate) fn own_peak_kib() -> u64 {
    high_water("/proc/self/status").unwrap_or(0)
}

/// Waits for a program; answers whether it succeeded and its largest resident size in KiB.
pub(crate) fn wait_with_peak(mut child: Child) -> Result<(Option<i32>, u64), Problem> {
    let status = format!("/proc/{}/status", child.id());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut peak = 0;
            while !over.load(Ordering::Relaxed) {
                peak = peak.max(high_water(&status).unwrap_or(0));
                std::thread::park_timeout(MEMORY_PERIOD);
            }
            peak
        });
        let ended = child.wait().map_err(|error| error.to_string());
        over.store(true, Ordering::Relaxed);
        watcher.thread().unpark();
        let peak = watcher.join().map_err(|_| "the watcher of memory failed".to_owned())?;
        Ok((ended?.code(), peak))
    })
}

fn high_water(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
