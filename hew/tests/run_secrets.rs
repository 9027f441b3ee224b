//! Secrets that an agent or a gate prints: they are nowhere in what a run keeps and tells.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use hew_testkit::loop_stage::{LoopStage, Ran, ran};

/// In hew's own environment; it reaches the agent.
const OWN: (&str, &str) = ("SERVICE_API_KEY", "own-secret-\"quoted\"-4711");
/// From the settings of the runtime.
const GIVEN: (&str, &str) = ("GIVEN_TOKEN", "given-secret-0815");
/// What no name calls a secret.
const OPEN: &str = "open-value-2342";

/// A project whose one runtime is this script, in this form of output.
fn stage(output: &str, script: &str) -> LoopStage {
    let stage = LoopStage::new();
    let file = stage.path("agent.sh");
    fs::write(&file, script).expect("the temporary folder can be written");
    let (file, (given, value)) = (file.display(), GIVEN);
    stage.settings(&format!(
        "loop.env.pass = [\"PATH\", \"HOME\", \"SERVICE_API_KEY\"]\n\
         [loop.runtime_defs.one]\ncommand = \"sh\"\nargs = [\"{file}\"]\noutput = \"{output}\"\n\
         env = {{ {given} = \"{value}\", MODE = \"{OPEN}\" }}\ndone_on_exit_zero = true\n"
    ));
    stage
}

fn run(stage: &LoopStage, flags: &[&str]) -> Ran {
    let args =
        [&["--json", "loop", "run", "--scope", "ready", "--runtime", "one", "--no-planner"], flags].concat();
    let mut command = stage.repo.hew(&args);
    command.env(OWN.0, OWN.1);
    ran(command)
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("the run folder can be read")
        .map(|entry| entry.expect("an entry can be read").path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn assert_nowhere(place: &str, text: &str) {
    let in_json = OWN.1.replace('"', "\\\"");
    for secret in [OWN.1, &in_json, GIVEN.1] {
        assert!(!text.contains(secret), "{secret} is in {place}:\n{text}");
    }
}

/// Everything that the run has left, and everything that hew tells of it.
fn assert_told_nowhere(stage: &LoopStage, ran: &Ran) {
    for file in files_below(&stage.run_folder()) {
        let kept = fs::read(&file).expect("the file can be read");
        assert_nowhere(&file.display().to_string(), &String::from_utf8_lossy(&kept));
        let folder = file.parent().expect("it lies in a folder");
        for (path, expected) in [(file.as_path(), 0o600), (folder, 0o700)] {
            let mode = fs::metadata(path).expect("it was just read").permissions().mode() & 0o777;
            assert_eq!(mode, expected, "{}", path.display());
        }
    }
    assert_nowhere("what the run told", &format!("{}{}", ran.stdout, ran.stderr));
    for id in stage.tasks().keys() {
        assert_nowhere("the task", &stage.show(id).to_string());
    }
    let page = stage.path("report.html").display().to_string();
    for view in [
        &["loop", "summary"][..],
        &["loop", "logs", "--transcript"],
        &["loop", "report", "--out", &page],
        &["config", "list"],
    ] {
        assert_nowhere(&view.join(" "), &stage.ok(view));
    }
    assert_nowhere("the report", &fs::read_to_string(page).expect("it was written"));
}

/// The agent prints them whole and in two writes, on both streams, says them as its reason, and writes them into a file
/// that the gate prints.
#[test]
fn what_agent_and_gate_print_is_kept_without_secrets() {
    let stage = stage(
        "text",
        "echo \"mine: $SERVICE_API_KEY, mode: $MODE\"\n\
         printf 'cut: given-sec'; printf 'ret-0815, begun: given-sec'; echo\n\
         echo \"DECISION: use $GIVEN_TOKEN\"\n\
         echo \"error: $SERVICE_API_KEY\" >&2\n\
         echo \"$GIVEN_TOKEN\" > leak.txt\n\
         echo '## Summary'; echo \"It has $GIVEN_TOKEN.\"\n\
         hew done --reason \"used $SERVICE_API_KEY\"\n",
    );
    let id = stage.task("Draw", "");
    let ran = run(&stage, &["--no-baseline", "--gate", "cat leak.txt; cat leak.txt >&2"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_told_nowhere(&stage, &ran);
    let folder = stage.iteration_folder(&id, 1);
    let transcript = fs::read_to_string(folder.join("transcript.jsonl")).unwrap();
    assert!(transcript.contains(&format!("mine: (left out), mode: {OPEN}")), "{transcript}");
    assert!(transcript.contains("cut: (left out), begun: given-sec"), "{transcript}");
    assert!(fs::read_to_string(folder.join("stderr.log")).unwrap().contains("error: (left out)"));
    assert_eq!(stage.journal_of("exited")[0]["decisions"][0], "use (left out)");
}

/// A gate that is red is told to the next attempt, in its prompt.
#[test]
fn a_red_gate_tells_the_next_attempt_without_secrets() {
    let stage = stage("text", "echo \"$GIVEN_TOKEN\" > leak.txt; echo \"$HEW_ATTEMPT\" > attempt.txt\n");
    let id = stage.task("Draw", "");
    let ran = run(&stage, &["--no-baseline", "--gate", "cat leak.txt; grep 2 attempt.txt"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(stage.prompt(&id, 2).contains("(left out)"), "{}", stage.prompt(&id, 2));
    assert_told_nowhere(&stage, &ran);
}

/// In a stream of events a secret stands in the writing of JSON.
#[test]
fn a_stream_of_events_is_kept_without_secrets_and_read_all_the_same() {
    let text = "Mine is own-secret-\\\"quoted\\\"-4711.";
    let events = format!(
        "{{\"type\":\"assistant\",\"message\":{{\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}]}}}}\n\
         {{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"{text}\"}}\n"
    );
    let stage = stage("claude-stream", &format!("echo a > a.txt\ncat <<'END'\n{events}END\nhew done\n"));
    let id = stage.task("Draw", "");
    let ran = run(&stage, &["--no-gate"]);
    assert_eq!((ran.code, stage.outcomes(&id)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
    assert_told_nowhere(&stage, &ran);
    let transcript = fs::read_to_string(stage.iteration_folder(&id, 1).join("transcript.jsonl")).unwrap();
    assert!(transcript.contains("Mine is (left out)."), "{transcript}");
}

/// What an agent's git tells of itself is evidence of an escape; its words, and values of settings, may be secret. Of one
/// command the record ends within the secret.
#[test]
fn evidence_of_an_escape_is_kept_without_secrets() {
    let stage = stage(
        "text",
        "git -C \"$HEW_PROJECT\" config alias.steal \"!echo $SERVICE_API_KEY\"\n\
         pad=$(printf '%0*d' $((266 - ${#HEW_PROJECT})) 0)\ngit -C \"$HEW_PROJECT\" config alias.cut \"$pad $GIVEN_TOKEN\"\necho a > a.txt\n",
    );
    stage.task("Draw", "");
    let ran = run(&stage, &["--no-gate", "--max-attempts", "1"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let escaped = serde_json::to_string(&stage.journal_of("escaped")).expect("it is JSON");
    assert!(escaped.contains("alias.steal") && escaped.contains("!echo (left out)"), "{escaped}");
    assert!(!escaped.contains("given-s"), "{escaped}");
    assert_told_nowhere(&stage, &ran);
}
