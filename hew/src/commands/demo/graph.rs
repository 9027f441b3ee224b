//! The demo's tasks: what each wants, what it waits for, and the script that plays its agent.
//!
//! | task | shows |
//! | --- | --- |
//! | `words`, `chars` | with two or more workers a conflict that is certain: each first attempt waits until the other has begun, and both add a line at the end of one file. One worker alone can't meet anybody: there `chars` waits for `words` |
//! | `pad` | a gate that is red at first and green on the second attempt |
//! | the rest | dependencies between what different workers did |

use hew_core::plan::runtime::RUN_KEY;
use hew_core::tracker::NewTask;

/// One task of the graph.
struct Step {
    name: &'static str,
    title: &'static str,
    wants: &'static str,
    waits_for: &'static [&'static str],
    script: &'static str,
}

/// Makes two first attempts run at the same time.
const MEET: &str = include_str!("tasks/meet.sh");

/// The two that meet.
const MEETING: [&str; 2] = ["words", "chars"];

const STEPS: [Step; 10] = [
    Step {
        name: "words",
        title: "Add a command that counts words",
        wants: "`textkit words` prints how many words its input has. It is listed in commands.txt.",
        waits_for: &[],
        script: include_str!("tasks/words.sh"),
    },
    Step {
        name: "chars",
        title: "Add a command that counts characters",
        wants: "`textkit chars` prints how many characters its input has. It is listed in commands.txt.",
        waits_for: &[],
        script: include_str!("tasks/chars.sh"),
    },
    Step {
        name: "trim",
        title: "Take spaces away at both ends of a line",
        wants: "A function `trim` for the other parts, from input to output.",
        waits_for: &[],
        script: include_str!("tasks/trim.sh"),
    },
    Step {
        name: "upper",
        title: "Turn a line into capitals",
        wants: "A function `upper`: trimmed lines in capitals.",
        waits_for: &["trim"],
        script: include_str!("tasks/upper.sh"),
    },
    Step {
        name: "pad",
        title: "Fill lines up to a width",
        wants: "A function `pad WIDTH`: trimmed lines, filled with spaces; longer ones stay as they are.",
        waits_for: &["trim"],
        script: include_str!("tasks/pad.sh"),
    },
    Step {
        name: "report",
        title: "Report all counts of a text",
        wants: "A function `report`: a line each for lines, words, chars.",
        waits_for: &["words", "chars"],
        script: include_str!("tasks/report.sh"),
    },
    Step {
        name: "title",
        title: "Underline a title",
        wants: "A function `title`: capitals, and below them as many `=`.",
        waits_for: &["upper", "chars"],
        script: include_str!("tasks/title.sh"),
    },
    Step {
        name: "table",
        title: "Show the report as a table",
        wants: "A function `table`: the numbers of the report below each other.",
        waits_for: &["pad", "report"],
        script: include_str!("tasks/table.sh"),
    },
    Step {
        name: "page",
        title: "Add a command that prints a page",
        wants: "`textkit page TITLE` prints the title and the table of its input. It is listed in commands.txt.",
        waits_for: &["title", "table"],
        script: include_str!("tasks/page.sh"),
    },
    Step {
        name: "release",
        title: "Describe the commands and release 1.0",
        wants: "README.md names every command. VERSION holds 1.0.",
        waits_for: &["page"],
        script: include_str!("tasks/release.sh"),
    },
];

/// The graph, for a run with this many workers.
pub(super) fn tasks(jobs: u16) -> Vec<NewTask> {
    let mut tasks: Vec<NewTask> = STEPS.iter().map(|step| task(step, jobs > 1)).collect();
    if jobs == 1 {
        // A worker is free before its result has landed, so that even alone it may run into a conflict with itself.
        let [first, second] = MEETING;
        let waits = tasks.iter_mut().filter(|task| task.local_name.as_deref() == Some(second));
        waits.for_each(|task| task.depends_on.push(first.to_owned()));
    }
    tasks
}

fn task(step: &Step, can_meet: bool) -> NewTask {
    let meets = can_meet && MEETING.contains(&step.name);
    let mut metadata = serde_json::Map::new();
    metadata.insert(RUN_KEY.to_owned(), script(step, meets).into());
    NewTask {
        local_name: Some(step.name.to_owned()),
        description: step.wants.to_owned(),
        acceptance_criteria: "It has a test, and `sh test.sh` is green.".to_owned(),
        // Those that meet are handed out first, both in one go.
        priority: if meets { 1 } else { 2 },
        depends_on: step.waits_for.iter().map(|name| (*name).to_owned()).collect(),
        metadata,
        ..NewTask::titled(step.title)
    }
}

fn script(step: &Step, meets: bool) -> String {
    let Step { name, script, .. } = step;
    match MEETING.into_iter().find(|other| other != name) {
        Some(other) if meets => format!("set -eu\nme={name} other={other}\n{MEET}{script}"),
        _ => format!("set -eu\n{script}"),
    }
}

#[cfg(test)]
mod tests {
    use hew_core::tracker::many::resolve;

    use super::*;

    fn script_of(jobs: u16, name: &str) -> String {
        let task = tasks(jobs).into_iter().find(|task| task.local_name.as_deref() == Some(name)).unwrap();
        task.metadata[RUN_KEY].as_str().unwrap().to_owned()
    }

    #[test]
    fn alone_the_second_waits_for_the_first_in_the_graph() {
        for (jobs, waits) in [(1, true), (2, false)] {
            let tasks = tasks(jobs);
            let chars = tasks.iter().find(|task| task.local_name.as_deref() == Some("chars")).unwrap();
            assert_eq!(chars.depends_on == ["words"], waits, "{jobs}");
        }
    }

    #[test]
    fn every_name_in_the_graph_is_a_task_of_it() {
        let list = resolve(&tasks(3)).unwrap();
        let stored = |reference: &_| matches!(reference, hew_core::tracker::many::Reference::Stored(_));
        assert!(!list.tasks.iter().flat_map(|task| &task.depends_on).any(stored));
    }

    #[test]
    fn only_the_two_that_meet_wait_and_one_worker_waits_for_nobody() {
        for step in &STEPS {
            let waits = MEETING.contains(&step.name);
            assert_eq!(script_of(2, step.name).contains("sleep"), waits, "{}", step.name);
            assert!(!script_of(1, step.name).contains("sleep"), "{}", step.name);
        }
        assert!(script_of(2, "words").contains("me=words other=chars\n"));
        assert!(script_of(2, "chars").contains("me=chars other=words\n"));
    }
}
