//! Scenes and kills made by chance, the same for the same seed.

use std::time::Duration;

use super::killing::Kill;
use super::scene::{Scene, TaskSpec};

/// Places at which hew can be made to end, each with how often it is passed at most in a small run.
const PLACES: [(&str, u64); 30] = [
    ("journal", 120),
    ("journal/landed", 6),
    ("journal/candidate", 6),
    ("journal/task_changed", 10),
    ("journal/iteration_started", 8),
    ("journal/collected", 8),
    ("journal/delivering", 1),
    ("journal/delivery", 1),
    ("journal/run_ended", 1),
    ("torn", 120),
    ("file", 30),
    ("renamed", 30),
    ("ledger", 2),
    ("git-process", 150),
    ("git/add_worktree", 4),
    ("git/add_merge_place", 1),
    ("git/reset_worktree", 6),
    ("git/anchor", 8),
    ("git/merge", 8),
    ("git/advance", 6),
    ("git/forward_checkout", 1),
    ("git/remove_worktree", 3),
    ("git/delete_branch", 3),
    ("tracker/claim", 8),
    ("tracker/close", 6),
    ("tracker/release", 4),
    ("tracker", 60),
    ("agent/started", 8),
    ("agent/ended", 8),
    ("gate", 8),
];

/// Numbers by chance, from a seed.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// From a seed, and what it is for.
    pub fn new(seed: u64, of: u64) -> Self {
        let mut chance = Self(seed ^ of.wrapping_mul(0xd134_2543_de82_ef95));
        chance.next();
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than this.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// True in so many of a hundred cases.
    fn percent(&mut self, many: u64) -> bool {
        self.below(100) < many
    }
}

/// A scene: a graph, workers, a gate or none, and agents that do well, badly, nothing, or leave their work uncommitted.
pub fn random_scene(chance: &mut Chance) -> Scene {
    let count = 3 + chance.below(8);
    let mut tasks: Vec<TaskSpec> = Vec::new();
    let mut joined = 0;
    let is_gated = chance.percent(70);
    for number in 0..count {
        let name = format!("k-{number}");
        let behaviour = chance.below(10);
        // More than two that write one file might use up their attempts.
        joined += u64::from(behaviour == 9);
        let behaviour = match behaviour {
            9 if joined > 2 => 8,
            // What a gate does not refuse at first is there at the end, or not if it was cut off.
            2 if !is_gated => 8,
            other => other,
        };
        let mut task = TaskSpec::new(&name, &command(&name, behaviour, chance.below(80)));
        for earlier in &tasks {
            if task.needs.len() < 3 && chance.percent(15) {
                task.needs.push(earlier.name.clone());
            }
        }
        task.priority = u8::try_from(chance.below(5)).unwrap_or(2);
        tasks.push(task);
    }
    let mut flags = vec!["--jobs".to_owned(), (1 + chance.below(4)).to_string()];
    flags.extend(["--max-attempts", "3"].map(str::to_owned));
    if is_gated {
        flags.extend(["--gate", "test ! -e bad.txt"].map(str::to_owned));
    } else {
        flags.push("--no-gate".to_owned());
    }
    Scene { tasks, flags, either: Vec::new() }
}

/// What an agent does. Whatever its attempt's number, it comes to the same end.
fn command(name: &str, behaviour: u64, millis: u64) -> String {
    let commit = "git add -A && git commit -qm work";
    let first = format!("[ -e \"$STAGE/{name}\" ] || {{ touch \"$STAGE/{name}\"; ");
    let work = format!("sleep 0.{millis:03}; echo {name} > {name}.txt");
    match behaviour {
        0 => "hew done --reason nothing".to_owned(),
        1 => format!("{work}; touch bad.txt; {commit}"),
        2 => format!("{first}touch bad.txt; }}; {work}; {commit}"),
        3 => format!("{work}; {commit}; exit 1"),
        4 => format!("{first}{work}; exit 1; }}; {work}; {commit}"),
        5 => work,
        9 => format!(
            "touch list.txt; (cat list.txt; echo {name}) | sort -u > new && mv new list.txt; {work}; {commit}"
        ),
        _ => format!("{work}; {commit}"),
    }
}

/// One to three kills of a run that takes so long.
pub fn random_kills(chance: &mut Chance, took: Duration) -> Vec<Kill> {
    let millis = u64::try_from(took.as_millis()).unwrap_or(1000) * 11 / 10;
    let any = |chance: &mut Chance| {
        let wait = Duration::from_millis(chance.below(millis));
        match chance.below(10) {
            0..=4 => {
                let place = usize::try_from(chance.below(PLACES.len() as u64)).unwrap_or(0);
                let (place, most) = PLACES[place];
                Kill::At(format!("{place}:{}", 1 + chance.below(most)))
            }
            5..=7 => Kill::After { wait, everything: false },
            8 => Kill::After { wait, everything: true },
            _ => Kill::Signalled { wait, then: Duration::from_millis(chance.below(300)) },
        }
    };
    (0..=chance.below(3)).map(|_| any(chance)).collect()
}
