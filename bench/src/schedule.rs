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

/// No schedule is faster, in microseconds: the longest path, the workers' time, the lane's time, the cores' time.
pub(crate) fn lower_bound(workload: &Workload, means: Means, costs: Costs) -> u64 {
    let worker = |millis: u64| costs.prepare + millis * 1000 + costs.commit;
    let mut landed: Vec<u64> = Vec::with_capacity(workload.len());
    let mut work = 0;
    for task in &workload.tasks {
        let start = task.needs.iter().map(|need| landed[*need]).max().unwrap_or(0);
        landed.push(start + worker(task.millis) + costs.land);
        work += worker(task.millis);
    }
    let count = wide(workload.len());
    let busy = count * (costs.prepare + costs.commit + costs.land);
    let longest = landed.into_iter().max().unwrap_or(0);
    let bounds = [longest, work / wide(means.jobs), count * costs.land, busy / wide(means.cores)];
    costs.run + bounds.into_iter().max().unwrap_or(0)
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
        assert_eq!(lower_bound(&Workload::independent(64, 10), means(16), costs), 100_000 + 64 * 50_000);
    }

    #[test]
    fn greedy_is_never_below_the_bound_nor_beyond_twice() {
        for seed in 0..20 {
            let graph = Workload::layered(200, 50, seed);
            for jobs in [1, 4, 16] {
                let (bound, greedy) =
                    (lower_bound(&graph, means(jobs), COSTS), greedy(&graph, means(jobs), COSTS));
                assert!(
                    bound <= greedy && greedy < 2 * bound,
                    "seed {seed}, {jobs} workers: {bound}, {greedy}"
                );
            }
        }
    }
}
