//! Dependencies through the real binary: a task starts when, and on a base where, what it depends on has landed.

#![expect(clippy::unwrap_used, reason = "a stage that can not be set ends the test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hew_core::record::IterationOutcome::{BackpressureFail, Closed};
use hew_testkit::run_check::{Project, Ran};

/// Adds its own name to the file of names, after it found the names of all that it depends on.
fn link(name: &str, needs: &[&str]) -> String {
    let needs = needs.iter().fold(String::new(), |mut text, need| {
        write!(text, "test -e {need} && ").unwrap();
        text
    });
    format!("{needs} echo {name} > {name} && git add -A && git commit -qm {name}")
}

fn position(ran: &Ran, id: &str) -> usize {
    ran.landed_ids().iter().position(|landed| landed == id).unwrap_or_else(|| panic!("{id} did not land"))
}

/// L5: a chain and a diamond side by side; `Ran` holds that every base contains what its dependencies landed.
#[test]
fn in_a_chain_and_a_diamond_each_task_builds_on_what_it_waited_for() {
    for project in Project::each() {
        let a = project.add("a", &link("a", &[]), &[]);
        let b = project.add("b", &link("b", &["a"]), &["--dep", &a]);
        let c = project.add("c", &link("c", &["a", "b"]), &["--dep", &b]);
        let top = project.add("top", &link("top", &[]), &[]);
        let left = project.add("left", &link("left", &["top"]), &["--dep", &top]);
        let right = project.add("right", &link("right", &["top"]), &["--dep", &top]);
        let both = format!("{left},{right}");
        let bottom = project.add("bottom", &link("bottom", &["left", "right"]), &["--dep", &both]);
        let ran = project.run(&["--jobs", "4", "--gate", "true"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(ran.landed_ids().len(), 7);
        for (before, after) in
            [(&a, &b), (&b, &c), (&top, &left), (&top, &right), (&left, &bottom), (&right, &bottom)]
        {
            assert!(position(&ran, before) < position(&ran, after));
            // Said once more by git itself, for what this test is about.
            let (landed, base) =
                (ran.landed_sha(before).unwrap(), ran.iterations(after)[0].base_sha.clone().unwrap());
            project.repo.git(&["merge-base", "--is-ancestor", landed.as_str(), base.as_str()]);
        }
        for id in [&a, &b, &c, &top, &left, &right, &bottom] {
            assert_eq!(ran.outcomes(id), [Closed]);
        }
        assert_eq!(project.repo.rev("main"), ran.line[6]);
    }
}

/// L5: what was closed before the run counts as done, whatever it landed or did not.
#[test]
fn a_dependency_that_was_closed_before_the_run_is_satisfied() {
    let project = Project::new();
    let before = project.add("Before", "exit 1", &[]);
    let after = project.add("After", "echo after > after", &["--dep", &before]);
    project.hew(&["task", "close", &before, "--reason", "done by hand"]);
    let ran = project.run(&["--no-gate"]);
    assert_eq!((ran.code, ran.landed_ids()), (0, vec![after]), "{}", ran.stderr);
    assert!(ran.iterations(&before).is_empty());
    assert_eq!(ran.task(&before)["close_reason"], "done by hand");
}

/// L5: a dependency that was closed in the run without a commit asks nothing of its dependents' bases.
#[test]
fn a_dependency_that_was_closed_without_a_commit_is_satisfied() {
    let project = Project::new();
    let nothing = project.add("Nothing to do", "hew done --reason 'it is there already'", &[]);
    let after = project.add("After", "echo after > after", &["--dep", &nothing]);
    let ran = project.run(&["--jobs", "4", "--gate", "true"]);
    assert_eq!((ran.code, ran.landed_ids()), (0, vec![after.clone()]), "{}", ran.stderr);
    assert_eq!((ran.status(&nothing), ran.outcomes(&nothing)), ("closed", vec![Closed]));
    assert_eq!(ran.landed_sha(&nothing), None);
    let reason = ran.task(&nothing)["close_reason"].as_str().unwrap();
    assert!(reason.contains("it is there already"), "{reason}");
    let launch = ran.view.header.as_ref().unwrap().launch_sha.clone();
    assert_eq!(ran.iterations(&after)[0].base_sha, launch);
}

/// What never lands holds back what waits for it, and nothing else.
#[test]
fn dependents_of_a_task_that_is_parked_are_not_started() {
    let project = Project::new();
    let bad = project.add("Bad", "echo > broken", &[]);
    let waits = project.add("Waits", "echo > waits", &["--dep", &bad]);
    let waits_too = project.add("Waits too", "echo > waits-too", &["--dep", &waits]);
    let free = project.add("Free", "echo > free", &[]);
    let ran = project.run(&["--jobs", "4", "--gate", "test ! -e broken", "--max-attempts", "2"]);
    assert_eq!((ran.code, ran.landed_ids()), (1, vec![free]), "{}", ran.stderr);
    assert_eq!(ran.outcomes(&bad), [BackpressureFail, BackpressureFail]);
    for id in [&waits, &waits_too] {
        assert!(ran.iterations(id).is_empty());
        assert_eq!((ran.status(id), ran.holder(id)), ("open", None));
    }
    let left: BTreeMap<_, _> =
        ran.view.leftovers.iter().map(|left| (left.task.to_string(), left.why.clone())).collect();
    assert_eq!(left[&bad], "parked");
    assert_eq!(left[&waits], format!("waits for {bad}"));
    assert_eq!(left[&waits_too], format!("waits for {waits}"));
}

/// A small generator with a known sequence, so that a failing graph can be made again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// L20: each task depends on up to three earlier ones; its gate finds a name's needs whenever it finds the name.
#[test]
fn sixteen_workers_land_two_hundred_tasks_of_a_random_graph_once_each_and_in_order() {
    const TASKS: usize = 200;
    let seed = std::env::var("HEW_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20);
    let project = Project::new();
    let mut dice = Dice(seed);
    let needs: Vec<Vec<usize>> =
        (0..TASKS).map(|number| (0..dice.roll(4).min(number)).map(|_| dice.roll(number)).collect()).collect();
    let ids = file_graph(&project, &needs);
    let gate = "for f in needs-*; do test -e \"$f\" || continue; \
        while read -r need; do test -e \"name-$need\" || { echo \"$f lacks $need\"; exit 1; }; done < \"$f\"; done";
    let ran = project.run(&["--jobs", "16", "--gate", gate]);
    assert_eq!(ran.code, 0, "seed {seed}: {}", ran.stderr);
    let landed = ran.landed_ids();
    assert_eq!((landed.len(), ran.line.len()), (TASKS, TASKS), "seed {seed}");
    let place: BTreeMap<&str, usize> = landed.iter().enumerate().map(|(at, id)| (id.as_str(), at)).collect();
    for (number, needs) in needs.iter().enumerate() {
        for need in needs {
            assert!(
                place[ids[*need].as_str()] < place[ids[number].as_str()],
                "seed {seed}: {need} before {number}"
            );
        }
        let reasons: Vec<_> = ran.iterations(&ids[number]).iter().map(|view| view.reason.clone()).collect();
        assert_eq!(ran.outcomes(&ids[number]), [Closed], "seed {seed}: {number}: {reasons:?}");
        assert_eq!(ran.status(&ids[number]), "closed");
    }
    let workers: std::collections::BTreeSet<_> = ran.view.iterations.keys().map(|id| id.worker).collect();
    assert!(workers.len() > 8, "seed {seed}: only {workers:?} worked");
    assert!(ran.worktrees.is_empty());
    assert_eq!(project.repo.rev("main"), ran.line[TASKS - 1]);
    every_commit_has_its_needs(&project, &ran, &needs, &ids);
}

/// Files the whole graph in one go; the ids, by number.
fn file_graph(project: &Project, needs: &[Vec<usize>]) -> Vec<String> {
    let mut plan = String::new();
    for (number, needs) in needs.iter().enumerate() {
        let names = needs.iter().map(|need| format!("\"t{need}\"")).collect::<Vec<_>>().join(", ");
        let lines: String =
            needs.iter().flat_map(|need| ["echo ".to_owned(), need.to_string(), ";".to_owned()]).collect();
        // Half of the agents commit, the other half leave it to hew.
        let commit = if number % 2 == 0 { " && git add -A && git commit -qm work" } else { "" };
        let run = format!("{{ {lines} }} > needs-{number} 2>/dev/null; : > name-{number}{commit}");
        let run = run.replace("{  }", "true");
        write!(
            plan,
            "[[task]]\nname = \"t{number}\"\ntitle = \"Task {number}\"\ndepends_on = [{names}]\nrun = '''{run}'''\n"
        )
        .unwrap();
    }
    let file = project.signal("plan.toml");
    std::fs::write(&file, plan).unwrap();
    let ids = project.hew(&["task", "plan", "--id-only", file.to_str().unwrap()]);
    ids.lines().map(str::to_owned).collect()
}

/// What the gate says, once more from git: each commit of the line has the names that its names need.
fn every_commit_has_its_needs(project: &Project, ran: &Ran, needs: &[Vec<usize>], ids: &[String]) {
    let mut there = vec![false; needs.len()];
    let changed = project.repo.git(&[
        "log",
        "--first-parent",
        "--diff-merges=first-parent",
        "--reverse",
        "--name-only",
        "--format=%x00%H",
        &format!("{}^1..{}", ran.line[0], ran.branch()),
    ]);
    let changed: Vec<_> = changed.split('\0').skip(1).map(str::trim).collect();
    for ((task, sha), changed) in ran.landed().iter().zip(&changed) {
        let number = ids.iter().position(|id| id == task.as_str()).unwrap();
        let own = format!("{sha}\n\nname-{number}\nneeds-{number}");
        assert_eq!(*changed, own, "a landing holds its own task's work and nothing else");
        there[number] = true;
        assert!(needs[number].iter().all(|need| there[*need]), "{sha} lacks what {number} needs");
    }
    assert_eq!(changed.len(), needs.len());
}
