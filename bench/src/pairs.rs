//! Floor and hew in turn on copies of one repository: what each took, and how they compare pair by pair.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::Problem;
use crate::checks::Work;
use crate::counting::{Calls, Counter};
use crate::floor::{self, FloorRun, Phases};
use crate::git::Environment;
use crate::hew::{self, HewRun, Seen};
use crate::measure::{Sample, timed};
use crate::repository::{Repository, Template};
use crate::stats::{figure, median, range};
use crate::workload::Workload;

/// The ground on which runs are made.
#[derive(Debug)]
pub(crate) struct Ground<'a> {
    pub(crate) program: PathBuf,
    pub(crate) environment: &'a Environment,
    pub(crate) place: &'a Path,
    pub(crate) counter: &'a Counter,
}

/// Which tasks are drained, where, by how many workers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drain<'a> {
    pub(crate) template: &'a Template,
    pub(crate) workload: &'a Workload,
    pub(crate) jobs: usize,
}

/// Samples of both sides, pair by pair.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    pub(crate) floor: Vec<Sample>,
    pub(crate) hew: Vec<Sample>,
}

impl Pairs {
    /// The median of the pairs' ratios, smallest and largest.
    pub(crate) fn ratio(&self) -> (f64, (f64, f64)) {
        let ratios: Vec<f64> =
            self.hew.iter().zip(&self.floor).map(|(hew, floor)| hew.wall / floor.wall).collect();
        (median(&ratios), range(&ratios))
    }
}

/// The median wall time.
pub(crate) fn wall(samples: &[Sample]) -> f64 {
    median(&samples.iter().map(|sample| sample.wall).collect::<Vec<_>>())
}

/// The median processor time.
pub(crate) fn cpu(samples: &[Sample]) -> f64 {
    median(&samples.iter().map(|sample| sample.cpu).collect::<Vec<_>>())
}

/// Git processes of both sides in a run whose time is not taken.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) floor: Calls,
    pub(crate) hew: Calls,
    tasks: usize,
}

impl Counted {
    /// Calls a task, those at start and end spread over the tasks of the run.
    pub(crate) fn each(&self, calls: &Calls) -> String {
        format!("{:.1}", figure(calls.total()) / figure(self.tasks))
    }

    /// Every subcommand with its calls a task.
    pub(crate) fn detail(&self, calls: &Calls) -> String {
        let each =
            |(name, count): (&String, &usize)| format!("{name} {:.2}", figure(*count) / figure(self.tasks));
        calls.by_name.iter().map(each).collect::<Vec<_>>().join(", ")
    }
}

impl Ground<'_> {
    /// Floor, hew, floor, hew, …
    pub(crate) fn pairs(&self, drain: Drain<'_>, count: usize) -> Result<Pairs, Problem> {
        let mut pairs = Pairs::default();
        for _ in 0..count {
            pairs.floor.push(self.floor(drain, self.environment)?.0);
            pairs.hew.push(self.hew(drain, self.environment)?.sample);
        }
        Ok(pairs)
    }

    /// One run of each with git counted: it also warms up what both use.
    pub(crate) fn count_git(&self, drain: Drain<'_>) -> Result<Counted, Problem> {
        let counting = Environment { path: self.counter.path(), ..self.environment.clone() };
        self.counter.take();
        self.floor(drain, &counting)?;
        let floor = self.counter.take();
        self.hew(drain, &counting)?;
        Ok(Counted { floor, hew: self.counter.take(), tasks: drain.workload.len() })
    }

    /// One run of the floor, whose programs see `environment`.
    pub(crate) fn floor(
        &self,
        drain: Drain<'_>,
        environment: &Environment,
    ) -> Result<(Sample, Phases), Problem> {
        let copy = self.copy(drain)?;
        let Drain { workload, jobs, template } = drain;
        let run = FloorRun {
            environment,
            repository: &copy.repository,
            workload,
            jobs,
            folder: copy.folder.path(),
        };
        let (phases, sample) = timed(|| floor::drain(&run))?;
        let work = floor::work_done(&FloorRun { environment: self.environment, ..run })?;
        work.check(&Work::expected(workload, template.files), "the floor")?;
        Ok((sample, phases))
    }

    /// One run of hew, in which `hew loop run` sees `environment`.
    pub(crate) fn hew(&self, drain: Drain<'_>, environment: &Environment) -> Result<Seen, Problem> {
        self.hew_in(drain, environment, None)
    }

    /// One run of hew that is killed so long after its start, and resumed.
    pub(crate) fn hew_killed(&self, drain: Drain<'_>, wait: Duration) -> Result<Seen, Problem> {
        self.hew_in(drain, self.environment, Some(wait))
    }

    fn hew_in(
        &self,
        drain: Drain<'_>,
        environment: &Environment,
        kill_after: Option<Duration>,
    ) -> Result<Seen, Problem> {
        let copy = self.copy(drain)?;
        let Drain { workload, jobs, template } = drain;
        let seen = hew::drain(&HewRun {
            program: &self.program,
            environment: self.environment,
            loop_environment: environment,
            repository: &copy.repository,
            workload,
            jobs,
            kill_after,
            folder: copy.folder.path(),
        })?;
        seen.work.check(&Work::expected(workload, template.files), "hew")?;
        Ok(seen)
    }

    fn copy(&self, drain: Drain<'_>) -> Result<Copy, Problem> {
        let folder = tempfile::Builder::new().prefix("run-").tempdir_in(self.place);
        let folder = folder.map_err(|error| error.to_string())?;
        let repository = drain.template.copy(self.environment, &folder.path().join("project"))?;
        Ok(Copy { folder, repository })
    }
}

/// A repository in a folder of its own, removed with it.
struct Copy {
    folder: TempDir,
    repository: Repository,
}
