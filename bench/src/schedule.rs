//! How fast a graph of tasks can be done at best, and how fast a greedy dispatcher does it, given what one task costs.
//!
//! Both know only workers, processor cores and one landing lane. A task keeps its worker while a core prepares it, while
//! its agent sleeps, and while a core commits it; then it waits for the lane, which lands one task after another on a
//! core. A task may begin when all that it waits for has landed.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use crate::workload::Workload;

/// What one task costs besides its agent's sleep, and a run besides its tasks. Microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Costs {
    /// Reset of the worktree and start of the agent.
    pub(crate) prepare: u64,
    /// The agent's edits and commit.
    pub(crate) commit: u64,
    /// Merge and record.
    pub(crate) land: u64,
    /// Worktrees made and removed, the checkout caught up.
    pub(crate) run: u64,
}

/// What there is to work with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Means {
    pub(crate) jobs: usize,
    pub(crate) cores: usize,
}

/// No schedule is faster, in microseconds.
///
/// Take any moment `h` and any length `t`: all tasks that can't begin before `h`, and have at least `t` to come after
/// them, do their work between `h` and `t` before the end, however it is spread over workers, cores and the lane. The
/// longest path and the work of all tasks are the outermost of these.
pub(crate) fn lower_bound(workload: &Workload, means: Means, costs: Costs) -> u64 {
    let mut spans = spans(workload, costs);
    spans.sort_unstable_by_key(|span| Reverse(span.tail));
    let mut heads: Vec<u64> = spans.iter().map(|span| span.head).collect();
    heads.sort_unstable();
    heads.dedup();
    let above = |head: u64| bound_above(spans.iter().filter(|span| span.head >= head), head, means, costs);
    costs.run + heads.into_iter().map(above).max().unwrap_or(0)
}

/// The best bound from tasks that can't begin before `head`, given with the longest tail first.
fn bound_above<'a>(spans: impl Iterator<Item = &'a Span>, head: u64, means: Means, costs: Costs) -> u64 {
    let (mut best, mut count, mut work, mut shortest) = (0, 0, 0, u64::MAX);
    for span in spans {
        count += 1;
        work += span.work;
        shortest = shortest.min(span.work);
        let workers = work / wide(means.jobs);
        let lane = shortest + (count - 1) * costs.land;
        let busy = count * (costs.prepare + costs.commit + costs.land) / wide(means.cores);
        // The landing is cores' and lane's work, but comes after the worker's: it is the first part of the tail.
        let longest = workers.max(lane).max(span.work).max(busy.saturating_sub(costs.land));
        best = best.max(head + longest + span.tail);
    }
    best
}

/// Where a task lies in its graph, whatever the means.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// Before this moment it can't begin.
    head: u64,
    /// How long it keeps its worker.
    work: u64,
    /// What comes at least after that: its landing, and all that waits for it.
    tail: u64,
}

fn spans(workload: &Workload, costs: Costs) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::with_capacity(workload.len());
    for task in &workload.tasks {
        let landed = |need: &usize| spans[*need].head + spans[*need].work + costs.land;
        let head = task.needs.iter().map(landed).max().unwrap_or(0);
        let work = costs.prepare + task.millis * 1000 + costs.commit;
        spans.push(Span { head, work, tail: costs.land });
    }
    for (number, task) in workload.tasks.iter().enumerate().rev() {
        let behind = costs.land + spans[number].work + spans[number].tail;
        for need in &task.needs {
            spans[*need].tail = spans[*need].tail.max(behind);
        }
    }
    spans
}

/// How long a dispatcher takes that never leaves a worker free while a task is ready, in microseconds.
pub(crate) fn greedy(workload: &Workload, means: Means, costs: Costs) -> u64 {
    let mut house = House::new(workload, means, costs);
    house.dispatch();
    while let Some(Reverse((time, step, task))) = house.ends.pop() {
        house.now = time;
        house.finish(step, task);
        house.dispatch();
    }
    costs.run + house.now
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).expect("counts fit 64 bits")
}

/// What can come to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Prepare,
    Sleep,
    Commit,
    Land,
}

struct House<'a> {
    workload: &'a Workload,
    costs: Costs,
    now: u64,
    ends: BinaryHeap<Reverse<(u64, Step, usize)>>,
    ready: BTreeSet<usize>,
    waits_for: Vec<usize>,
    dependents: Vec<Vec<usize>>,
    free_workers: usize,
    free_cores: usize,
    for_core: VecDeque<(Step, usize)>,
    for_lane: VecDeque<usize>,
    lane_busy: bool,
}

impl<'a> House<'a> {
    fn new(workload: &'a Workload, means: Means, costs: Costs) -> Self {
        let mut dependents = vec![Vec::new(); workload.len()];
        for (number, task) in workload.tasks.iter().enumerate() {
            task.needs.iter().for_each(|need| dependents[*need].push(number));
        }
        let waits_for: Vec<usize> = workload.tasks.iter().map(|task| task.needs.len()).collect();
        let ready = (0..workload.len()).filter(|number| waits_for[*number] == 0).collect();
        Self {
            workload,
            costs,
            now: 0,
            ends: BinaryHeap::new(),
            ready,
            waits_for,
            dependents,
            free_workers: means.jobs,
            free_cores: means.cores,
            for_core: VecDeque::new(),
            for_lane: VecDeque::new(),
            lane_busy: false,
        }
    }

    /// Puts every free worker, the lane and every free core to work.
    fn dispatch(&mut self) {
        while self.free_workers > 0
            && let Some(task) = self.ready.pop_first()
        {
            self.free_workers -= 1;
            self.for_core.push_back((Step::Prepare, task));
        }
        if !self.lane_busy
            && let Some(task) = self.for_lane.pop_front()
        {
            self.lane_busy = true;
            // Landing first: it is what sets dependents free.
            self.for_core.push_front((Step::Land, task));
        }
        while self.free_cores > 0
            && let Some((step, task)) = self.for_core.pop_front()
        {
            self.free_cores -= 1;
            self.end_in(self.cost(step), step, task);
        }
    }

    fn cost(&self, step: Step) -> u64 {
        match step {
            Step::Prepare => self.costs.prepare,
            Step::Commit => self.costs.commit,
            Step::Land => self.costs.land,
            Step::Sleep => 0,
        }
    }

    fn end_in(&mut self, micros: u64, step: Step, task: usize) {
        self.ends.push(Reverse((self.now + micros, step, task)));
    }

    fn finish(&mut self, step: Step, task: usize) {
        if step != Step::Sleep {
            self.free_cores += 1;
        }
        match step {
            Step::Prepare => self.end_in(self.workload.tasks[task].millis * 1000, Step::Sleep, task),
            Step::Sleep => self.for_core.push_back((Step::Commit, task)),
            Step::Commit => {
                self.free_workers += 1;
                self.for_lane.push_back(task);
            }
            Step::Land => {
                self.lane_busy = false;
                for dependent in std::mem::take(&mut self.dependents[task]) {
                    self.waits_for[dependent] -= 1;
                    if self.waits_for[dependent] == 0 {
                        self.ready.insert(dependent);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Costs = Costs { prepare: 10_000, commit: 5_000, land: 4_000, run: 100_000 };

    fn means(jobs: usize) -> Means {
        Means { jobs, cores: 2 }
    }

    #[test]
    fn chain_is_bound_by_its_length_whatever_the_workers() {
        let chain = Workload::chain(30, 200);
        let each = 200_000 + 19_000;
        for jobs in [1, 4, 16] {
            assert_eq!(lower_bound(&chain, means(jobs), COSTS), 100_000 + 30 * each, "{jobs} workers");
            assert_eq!(greedy(&chain, means(jobs), COSTS), 100_000 + 30 * each, "{jobs} workers");
        }
    }

    #[test]
    fn independent_tasks_without_costs_take_whole_rounds() {
        let tasks = Workload::independent(9, 100);
        assert_eq!(greedy(&tasks, means(4), Costs::default()), 300_000);
        assert_eq!(lower_bound(&tasks, means(4), Costs::default()), 225_000);
    }

    #[test]
    fn cores_bind_when_many_workers_have_little_to_wait_for() {
        let tasks = Workload::independent(100, 0);
        let bound = lower_bound(&tasks, means(16), COSTS);
        assert_eq!(bound, 100_000 + 100 * 19_000 / 2);
        let greedy = greedy(&tasks, means(16), COSTS);
        assert!(greedy < bound + 60_000, "{greedy} against {bound}");
    }

    #[test]
    fn lane_binds_where_landing_is_slow() {
        let costs = Costs { land: 50_000, ..COSTS };
        // It has nothing to do before the first task is done.
        let expected = 100_000 + 25_000 + 64 * 50_000;
        assert_eq!(lower_bound(&Workload::independent(64, 10), means(16), costs), expected);
    }

    #[test]
    fn diamond_is_bound_by_its_first_task_its_waves_and_its_last() {
        let diamond = Workload::diamond(64, 1000);
        let (worker, land) = (1_015_000, COSTS.land);
        let bound = lower_bound(&diamond, means(16), COSTS);
        assert_eq!(bound, 100_000 + (worker + land) + (4 * worker + land) + (worker + land));
        // With a lane that takes longer than a wave, its work is what comes between.
        let slow = Costs { land: 300_000, ..COSTS };
        let bound = lower_bound(&diamond, means(16), slow);
        assert_eq!(bound, 100_000 + (worker + 300_000) + (worker + 64 * 300_000) + (worker + 300_000));
        // And with one core, the cores'.
        let busy = Costs { prepare: 300_000, commit: 200_000, land: 100_000, run: 0 };
        let bound = lower_bound(&Workload::diamond(64, 0), Means { jobs: 16, cores: 1 }, busy);
        assert_eq!(bound, 66 * 600_000);
    }

    #[test]
    fn greedy_is_never_below_the_bound_nor_beyond_twice() {
        let dear = Costs { prepare: 70_000, commit: 20_000, land: 45_000, run: 0 };
        for seed in 0..60 {
            for graph in [Workload::layered(200, 50, seed), Workload::layered(17, 400, seed)] {
                for (jobs, cores) in [(1, 1), (1, 2), (3, 1), (4, 2), (16, 2), (16, 16)] {
                    for costs in [COSTS, Costs::default(), dear] {
                        let means = Means { jobs, cores };
                        let (bound, greedy) =
                            (lower_bound(&graph, means, costs), greedy(&graph, means, costs));
                        assert!(
                            bound <= greedy && greedy < 2 * bound,
                            "seed {seed}, {means:?}, {costs:?}: {bound}, {greedy}"
                        );
                    }
                }
            }
        }
    }
}
