//! Agents that change what their work is judged by (landing.md L12): work has to pass the definition that stands on the run
//! branch and its own, and the change is told.

use std::env;
use std::fs;

use hew_testkit::loop_stage::{LoopStage, Ran, Running};
use hew_testkit::tool;
use serde_json::json;

/// A tool that a gate is detected for, its definition file, and how that file says that a command is the test.
struct Defined {
    tool: &'static str,
    file: &'static str,
    /// As the scripted agent writes it; `COMMAND` stands for the command.
    text: &'static str,
    /// Plays the tool where a machine may lack it.
    stand_in: Option<&'static str>,
}

/// Runs a justfile's recipe, as far as these tests need it.
const JUST: &str = "#!/bin/sh
file=justfile
while [ $# -gt 1 ]; do
    case $1 in
        --justfile) file=$2; shift 2 ;;
        --working-directory) cd \"$2\" && shift 2 ;;
        *) exit 64 ;;
    esac
done
[ \"$1\" = test ] && sed -n 's/^    //p' \"$file\" | sh -e
";

/// `npm test`.
const NPM: &str = "#!/bin/sh
[ \"$*\" = test ] && sh -c \"$(sed -n 's/.*\"test\": \"\\(.*\\)\".*/\\1/p' package.json)\"
";

const DEFINED: [Defined; 3] = [
    Defined { tool: "make", file: "Makefile", text: r"test:\n\x09COMMAND\n", stand_in: None },
    Defined { tool: "just", file: "justfile", text: r"test:\n    COMMAND\n", stand_in: Some(JUST) },
    Defined {
        tool: "npm",
        file: "package.json",
        text: r#"{"scripts": {"test": "COMMAND"}}\n"#,
        stand_in: Some(NPM),
    },
];

impl Defined {
    /// A step of the scripted agent that makes this command the test.
    fn step(&self, command: &str) -> String {
        format!("write {} {}", self.file, self.text.replace("COMMAND", command))
    }

    /// A project whose test is that there is no `bad.txt`.
    fn stage(&self) -> LoopStage {
        let stage = LoopStage::new();
        if let Some(program) = self.stand_in {
            stage.repo.write_script(&format!("../bin/{}", self.tool), program);
        }
        let text = self.text.replace("COMMAND", "test ! -e bad.txt");
        stage.repo.write(self.file, &text.replace(r"\n", "\n").replace(r"\x09", "\t"));
        stage.repo.git(&["add", "-A"]);
        stage.repo.git(&["commit", "-q", "-m", "A gate"]);
        stage
    }
}

/// Runs with the stand-ins in front of what the machine has.
fn run(stage: &LoopStage, flags: &[&str]) -> Ran {
    let mut command = stage.repo.hew(&[&["loop", "run", "--scope", "ready"], flags].concat());
    let path = env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", stage.path("bin").display()));
    Running::spawn(command).end()
}

#[test]
fn work_that_changes_the_gates_definition_has_to_pass_the_old_one_and_its_own() {
    for defined in DEFINED {
        if defined.stand_in.is_none() && tool::on_path(defined.tool).is_none() {
            continue;
        }
        let stage = defined.stage();
        let launch = stage.rev("main").unwrap();
        let cheat = stage.task_with(
            "Cheats",
            &["-p", "0"],
            &format!("{}\nwrite bad.txt b\ncommit Cheat\ndone", defined.step("true")),
        );
        let own = stage.task_with(
            "Is red by its own",
            &["-p", "1"],
            &format!("{}\nwrite own.txt o\ncommit Own\ndone", defined.step("test -e never.txt")),
        );
        let both = "test ! -e bad.txt && test -e good.txt";
        let honest = stage.task_with(
            "Is honest",
            &["-p", "2"],
            &format!("{}\nwrite good.txt g\ncommit Honest\ndone", defined.step(both)),
        );
        let ran = run(&stage, &["--max-attempts", "1"]);
        assert_eq!(ran.code, 1, "{}: {}", defined.tool, ran.stderr);
        for task in [&cheat, &own] {
            assert_eq!(stage.outcomes(task), ["backpressure_fail"], "{}: {}", defined.tool, ran.stderr);
            assert!(stage.is_free(task) && stage.has_label(task, "hew:parked"));
        }
        assert_eq!(stage.outcomes(&honest), ["closed"], "{}: {}", defined.tool, ran.stderr);
        assert_eq!(stage.rev("main^1").as_deref(), Some(launch.as_str()), "one landing");
        let at_main = |file: &str| stage.file_at("main", file).is_some();
        assert_eq!((at_main("good.txt"), at_main("bad.txt"), at_main("own.txt")), (true, false, false));

        for gated in stage.journal_of("gated") {
            assert_eq!(gated["definition_changed"], json!([defined.file]), "{}", defined.tool);
        }
        let told = format!("it changes the gate's definition: {}", defined.file);
        assert_eq!(ran.stderr.matches(&told).count(), 3, "{}", ran.stderr);
        stage.assert_left_clean();
    }
}

#[test]
fn settings_that_an_agent_wrote_change_no_gate_of_this_run_and_are_told() {
    let stage = LoopStage::new();
    stage.settings("loop.gate.command = \"test ! -e bad.txt\"");
    let weaken = r#"write .hew.toml [loop.gate]\ncommand = "true"\n"#;
    let cheat =
        stage.task_with("Cheats", &["-p", "0"], &format!("{weaken}\nwrite bad.txt b\ncommit Cheat\ndone"));
    let settles = stage.task_with("Settles", &["-p", "1"], &format!("{weaken}\ncommit Settings\ndone"));
    let later = stage.task_with("Later", &["--dep", &settles], "write bad.txt b\ncommit Later\ndone");
    let ran = stage.run(&["--max-attempts", "1"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&settles), ["closed"], "{}", ran.stderr);
    for task in [&cheat, &later] {
        assert_eq!(
            stage.outcomes(task),
            ["backpressure_fail"],
            "the gate is that of the launch: {}",
            ran.stderr
        );
    }
    assert!(fs::read_to_string(stage.repo.root().join(".hew.toml")).unwrap().contains("true"));
    let said = "changed the project's settings: look at them before you trust them";
    let told = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains(&format!("{settles} {said}")), "{told}");
    assert!(!told.contains(&format!("{cheat} {said}")), "{told}");
    assert_eq!(stage.file_at("main", "bad.txt"), None);
    stage.assert_left_clean();
}
