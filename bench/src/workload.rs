//! Tasks, how long each takes, and what waits for what. The same text in, the same graph out, always.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::Problem;

/// One task: how long its agent sleeps, and the tasks that it waits for (all of them before it in the list).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskSpec {
    pub(crate) millis: u64,
    pub(crate) needs: Vec<usize>,
}

/// Tasks in the order in which they are to be taken, as far as their edges let them.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    pub(crate) tasks: Vec<TaskSpec>,
}

/// The id of a task by its number.
pub(crate) fn task_id(number: usize) -> String {
    format!("b-{number:06}")
}

/// The number of a task by its id.
pub(crate) fn task_number(id: &str) -> Result<usize, Problem> {
    id.strip_prefix("b-")
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| format!("not a task of ours: {id:?}"))
}

impl Workload {
    /// Tasks that wait for nothing.
    pub(crate) fn independent(count: usize, millis: u64) -> Self {
        Self { tasks: vec![TaskSpec { millis, needs: Vec::new() }; count] }
    }

    /// Each task waits for the one before it.
    pub(crate) fn chain(length: usize, millis: u64) -> Self {
        let spec = |number: usize| TaskSpec { millis, needs: number.checked_sub(1).into_iter().collect() };
        Self { tasks: (0..length).map(spec).collect() }
    }

    /// One task, then `width` side by side, then one.
    pub(crate) fn diamond(width: usize, millis: u64) -> Self {
        let mut tasks = vec![TaskSpec { millis, needs: Vec::new() }];
        tasks.extend((0..width).map(|_| TaskSpec { millis, needs: vec![0] }));
        tasks.push(TaskSpec { millis, needs: (1..=width).collect() });
        Self { tasks }
    }

    /// Layers of 1 to 40 tasks, each task waiting for up to three of the layer before; durations are log-normal with
    /// this median and sigma 0.8.
    pub(crate) fn layered(count: usize, median_millis: u64, seed: u64) -> Self {
        let mut random = Random(seed);
        let mut tasks: Vec<TaskSpec> = Vec::with_capacity(count);
        let mut above = 0..0;
        while tasks.len() < count {
            let start = tasks.len();
            let width = (1 + random.below(40)).min(count - start);
            for _ in 0..width {
                let needs = if above.is_empty() { 0 } else { 1 + random.below(3) };
                let mut needs: Vec<usize> =
                    (0..needs).map(|_| above.start + random.below(above.len())).collect();
                needs.sort_unstable();
                needs.dedup();
                tasks.push(TaskSpec { millis: random.log_normal(median_millis), needs });
            }
            above = start..tasks.len();
        }
        Self { tasks }
    }

    /// Number of tasks.
    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Beads JSONL: equal priority, each created a second after the one before.
    pub(crate) fn to_jsonl(&self) -> String {
        let mut text = String::new();
        for (number, task) in self.tasks.iter().enumerate() {
            let id = task_id(number);
            let edge = |on: &usize| serde_json::json!({ "issue_id": id, "depends_on_id": task_id(*on), "type": "blocks" });
            let seconds = i64::try_from(number).unwrap_or(i64::MAX);
            let at = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(1_700_000_000 + seconds);
            let at = at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
            let record = serde_json::json!({
                "id": id, "title": format!("Change files of {id}"), "status": "open", "priority": 2,
                "issue_type": "task", "created_at": at, "updated_at": at,
                "dependencies": task.needs.iter().map(edge).collect::<Vec<_>>(),
            });
            writeln!(text, "{record}").expect("a text takes what is written to it");
        }
        text
    }

    /// Writes the file from which agents read how long to sleep.
    pub(crate) fn write_durations(&self, path: &Path) -> Result<(), Problem> {
        let lines: Vec<String> = self.tasks.iter().map(|task| task.millis.to_string()).collect();
        fs::write(path, lines.join("\n")).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// `SplitMix64`: small, seeded, the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).expect("a small number");
        usize::try_from(self.next() % limit).expect("below a small number")
    }

    /// Between 0 and 1, neither included.
    fn fraction(&mut self) -> f64 {
        let bits = u32::try_from(self.next() >> 32).expect("32 bits");
        (f64::from(bits) + 0.5) / (f64::from(u32::MAX) + 1.0)
    }

    fn log_normal(&mut self, median_millis: u64) -> u64 {
        let (radius, angle) = ((-2.0 * self.fraction().ln()).sqrt(), std::f64::consts::TAU * self.fraction());
        let factor = (0.8 * radius * angle.cos()).exp();
        scaled(median_millis, factor)
    }
}

/// Milliseconds times a factor, rounded.
fn scaled(millis: u64, factor: f64) -> u64 {
    let duration = std::time::Duration::from_millis(millis).mul_f64(factor);
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layered_graph_is_the_same_for_the_same_seed_and_only_looks_back() {
        let (one, two) = (Workload::layered(500, 100, 7), Workload::layered(500, 100, 7));
        assert_eq!(one.tasks, two.tasks);
        assert_ne!(one.tasks, Workload::layered(500, 100, 8).tasks);
        assert_eq!(one.len(), 500);
        for (number, task) in one.tasks.iter().enumerate() {
            assert!(task.needs.iter().all(|need| *need < number));
        }
    }

    #[test]
    fn log_normal_has_the_median_it_was_given() {
        let mut random = Random(1);
        let mut drawn: Vec<u64> = (0..2001).map(|_| random.log_normal(1000)).collect();
        drawn.sort_unstable();
        assert!((900..1100).contains(&drawn[1000]), "{}", drawn[1000]);
    }

    #[test]
    fn diamond_has_one_start_and_one_end() {
        let tasks = Workload::diamond(64, 10).tasks;
        assert_eq!(tasks.len(), 66);
        assert_eq!(tasks[65].needs.len(), 64);
        assert!(tasks[1..65].iter().all(|task| task.needs == [0]));
    }

    #[test]
    fn ids_and_numbers_agree() {
        assert_eq!(task_number(&task_id(42)), Ok(42));
        assert!(task_number("x-1").is_err());
    }
}
