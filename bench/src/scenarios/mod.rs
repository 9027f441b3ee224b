//! The scenarios: which sizes, which table, which target.

mod count;
mod drain;
mod graphs;
mod killed;
mod looking;
mod printing;

use std::collections::BTreeMap;

use clap::ValueEnum;

use crate::counting::Counter;
use crate::pairs::{Counted, Ground};
use crate::repository::{Place, Template};
use crate::{Args, Problem, hew};

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
#[value(rename_all = "verbatim")]
pub(crate) enum Scenario {
    /// Workers: 6N tasks of 1 s on 1000 files
    #[value(alias = "p1")]
    P1,
    /// Files: 48 tasks of 1 s by 4 workers
    #[value(alias = "p2")]
    P2,
    /// Tasks: a stub of 0 ms, 2 workers, then a large run without processes
    #[value(alias = "p3")]
    P3,
    /// Graphs: against the lower bound and a greedy dispatcher
    #[value(alias = "p4")]
    P4,
    /// Views of recorded runs, against reading the journal and printing a line an iteration
    #[value(alias = "p5")]
    P5,
    /// Agents that print much, four at once, against the same through a pipe and into files
    #[value(alias = "p6")]
    P6,
    /// Kills: P1 killed at a random moment and resumed, against P1 undisturbed
    #[value(alias = "p8")]
    P8,
}

/// What every scenario needs.
pub(crate) struct Bench<'a> {
    pub(crate) args: &'a Args,
    pub(crate) ground: Ground<'a>,
    templates: BTreeMap<usize, Template>,
}

impl Bench<'_> {
    /// Makes the repository of so many files, once.
    pub(crate) fn template(&mut self, files: usize) -> Result<(), Problem> {
        if !self.templates.contains_key(&files) {
            let made = Template::make(self.ground.environment, self.ground.place, files)?;
            self.templates.insert(files, made);
        }
        Ok(())
    }

    /// A repository that was made before.
    pub(crate) fn made(&self, files: usize) -> &Template {
        &self.templates[&files]
    }

    /// Sizes by flag, else the quick or the whole list.
    pub(crate) fn sizes(&self, quick: &[usize], whole: &[usize]) -> Vec<usize> {
        match (self.args.sizes.is_empty(), self.args.quick) {
            (false, _) => self.args.sizes.clone(),
            (true, true) => quick.to_vec(),
            (true, false) => whole.to_vec(),
        }
    }

    /// Pairs by flag, else few or as many as the scenario wants.
    pub(crate) fn pairs(&self, quick: usize, whole: usize) -> usize {
        self.args.pairs.map_or(if self.args.quick { quick } else { whole }, usize::from)
    }

    /// Names every git command of a task, if that is wanted.
    pub(crate) fn print_calls(&self, size: usize, counted: &Counted) {
        if self.args.git_calls {
            println!("git a task at {size}, floor: {}", counted.detail(&counted.floor));
            println!("git a task at {size}, hew:   {}", counted.detail(&counted.hew));
        }
    }
}

/// Measures what was asked for; answers whether every target is met.
pub(crate) fn run(args: &Args) -> Result<bool, Problem> {
    let place = Place::new(args.dir.as_deref())?;
    let environment = place.environment();
    std::fs::create_dir_all(&environment.home).map_err(|error| error.to_string())?;
    let counter = Counter::new(place.path().join("counter"))?;
    let ground = Ground {
        program: hew::find_program()?,
        environment: &environment,
        place: place.path(),
        counter: &counter,
    };
    println!("repositories in {} ({})", place.path().display(), place.file_system);
    println!("hew is {}; {} cores", ground.program.display(), cores());
    let mut bench = Bench { args, ground, templates: BTreeMap::new() };
    let mut wanted = args.scenarios.clone();
    if wanted.is_empty() {
        wanted = Scenario::value_variants().to_vec();
    }
    wanted.sort_unstable();
    wanted.dedup();
    let mut all_met = true;
    for scenario in wanted {
        all_met &= match scenario {
            Scenario::P1 => drain::by_workers(&mut bench)?,
            Scenario::P2 => drain::by_files(&mut bench)?,
            Scenario::P3 => count::by_tasks(&mut bench)?,
            Scenario::P4 => graphs::by_graph(&mut bench)?,
            Scenario::P5 => looking::by_iterations(&bench)?,
            Scenario::P6 => printing::by_size(&bench)?,
            Scenario::P8 => killed::by_workers(&mut bench)?,
        };
    }
    Ok(all_met)
}

/// Processor cores that this program may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
