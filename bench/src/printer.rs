//! An agent that prints much, and the child that takes what several of them print as hew does.

use std::fs::File;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use hew::adapters::spawner::ProcessSpawner;
use hew_core::agent::Spawner as _;
use hew_core::exit::Exit;
use hew_core::plan::{AgentStdin, PoliteSignal, SpawnFiles, SpawnLimits, SpawnPlan};
use hew_core::settings::OutputForm;
use hew_core::settings::secret::SecretValues;

use crate::Problem;
use crate::measure::own_peak_kib;

const MEGABYTE: usize = 1_000_000;
/// As `loop.transcript.max_bytes` has it by default.
const TRANSCRIPT_MAX: u64 = 64 << 20;
const LONG: Duration = Duration::from_secs(3600);

/// What an agent prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Lines of 80 bytes.
    Lines,
    /// One line without an end.
    OneLine,
    /// Events of `claude -p --output-format stream-json`.
    Stream,
}

impl Form {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::OneLine => "one-line",
            Self::Stream => "stream",
        }
    }

    /// About 64 KiB of it, in whole lines where it has lines.
    fn block(self) -> Vec<u8> {
        let line = match self {
            Self::Lines => format!(
                "{}\n",
                "0123456789 abcdefghijklmnopqrstuvwxyz".repeat(3).get(..79).unwrap_or_default()
            ),
            Self::OneLine => "0123456789 abcdefghijklmnopqrstuvwxyz ".to_owned(),
            Self::Stream => {
                let text = "I look at the file and change what has to be changed. ".repeat(6);
                let usage =
                    r#""usage":{"input_tokens":3,"cache_read_input_tokens":12000,"output_tokens":90}"#;
                format!(
                    r#"{{"type":"assistant","message":{{"id":"msg_1","role":"assistant","model":"m","content":[{{"type":"text","text":"{text}"}}],{usage}}},"session_id":"s"}}"#
                ) + "\n"
            }
        };
        line.as_bytes().repeat((1 << 16) / line.len())
    }

    fn last(self) -> &'static [u8] {
        match self {
            Self::Lines | Self::OneLine => b"",
            Self::Stream => {
                b"{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"done\",\"session_id\":\"s\"}\n"
            }
        }
    }
}

/// Several agents that print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crowd<'a> {
    pub(crate) form: Form,
    pub(crate) megabytes: usize,
    pub(crate) agents: usize,
    pub(crate) folder: &'a Path,
}

/// The agent: `print FORM MEGABYTES`.
pub(crate) fn print(mut words: impl Iterator<Item = String>) -> Result<(), Problem> {
    let (form, megabytes) = form_and_size(&mut words)?;
    let block = form.block();
    let mut out = stdout().lock();
    let mut left = megabytes * MEGABYTE;
    let print = |out: &mut dyn Write, bytes: &[u8]| out.write_all(bytes).map_err(|error| error.to_string());
    while left > 0 {
        print(&mut out, &block)?;
        left = left.saturating_sub(block.len());
    }
    print(&mut out, form.last())?;
    out.flush().map_err(|error| error.to_string())
}

fn form_and_size(words: &mut impl Iterator<Item = String>) -> Result<(Form, usize), Problem> {
    let form = Form::from_str(&words.next().ok_or("which form?")?, false)?;
    let megabytes = words.next().and_then(|word| word.parse().ok()).ok_or("how many megabytes?")?;
    Ok((form, megabytes))
}

fn argv(form: Form, megabytes: usize) -> Result<Vec<String>, Problem> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    Ok(vec![own.display().to_string(), "print".to_owned(), form.name().to_owned(), megabytes.to_string()])
}

/// Where the output of a floor's agents goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sink {
    /// Straight into a file.
    File,
    /// Into a pipe, from which `cat` writes it into a file: the least that reads what is printed.
    Pipe,
}

/// A floor: all of them into files of their own. Answers what one of them printed, in bytes.
pub(crate) fn into(sink: Sink, crowd: Crowd<'_>) -> Result<u64, Problem> {
    let argv = argv(crowd.form, crowd.megabytes)?;
    let file = |number| crowd.folder.join(format!("out-{number}"));
    let mut children = Vec::new();
    for number in 0..crowd.agents {
        let out = File::create(file(number)).map_err(|error| error.to_string())?;
        match sink {
            Sink::File => children.push(start(&argv, Stdio::null(), out.into())?),
            Sink::Pipe => {
                let mut agent = start(&argv, Stdio::null(), Stdio::piped())?;
                let printed = agent.stdout.take().ok_or("an agent without output")?;
                children.push(start(&["cat".to_owned()], printed.into(), out.into())?);
                children.push(agent);
            }
        }
    }
    for mut child in children {
        let status = child.wait().map_err(|error| error.to_string())?;
        if !status.success() {
            return Err(format!("void run: an agent or its cat ended with {status}"));
        }
    }
    std::fs::metadata(file(0)).map(|file| file.len()).map_err(|error| error.to_string())
}

fn start(argv: &[String], stdin: Stdio, stdout: Stdio) -> Result<Child, Problem> {
    let (program, words) = argv.split_first().ok_or("nothing to start")?;
    let started = Command::new(program).args(words).stdin(stdin).stdout(stdout).spawn();
    started.map_err(|error| format!("{program}: {error}"))
}

/// What taking their output took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) seconds: f64,
    pub(crate) peak_kib: u64,
    /// Bytes that one of them printed.
    pub(crate) bytes: u64,
}

/// The same through hew's spawner, in a child whose memory is its own.
pub(crate) fn take_in_child(crowd: Crowd<'_>, hew: &Path) -> Result<Taken, Problem> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut child = Command::new(own);
    child.args(["take-output", crowd.form.name(), &crowd.megabytes.to_string(), &crowd.agents.to_string()]);
    let output = child.arg(crowd.folder).arg(hew).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("taking output: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let answer: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    Ok(Taken {
        seconds: answer["seconds"].as_f64().unwrap_or(f64::NAN),
        peak_kib: answer["peak_kib"].as_u64().unwrap_or(0),
        bytes: answer["bytes"].as_u64().unwrap_or(0),
    })
}

/// The child: `take-output FORM MEGABYTES AGENTS FOLDER HEW`.
pub(crate) fn take(mut words: impl Iterator<Item = String>) -> Result<(), Problem> {
    let (form, megabytes) = form_and_size(&mut words)?;
    let agents: usize = words.next().and_then(|word| word.parse().ok()).ok_or("how many agents?")?;
    let folder = PathBuf::from(words.next().ok_or("which folder?")?);
    let spawner = ProcessSpawner::new(words.next().ok_or("which hew?")?.into(), SecretValues::default());
    let start = Instant::now();
    let bytes = take_by_spawner(Crowd { form, megabytes, agents, folder: &folder }, &spawner)?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{}", serde_json::json!({ "seconds": seconds, "peak_kib": own_peak_kib(), "bytes": bytes }));
    Ok(())
}

/// All of them through a spawner in this process. Answers what one of them printed, in bytes.
pub(crate) fn take_by_spawner(crowd: Crowd<'_>, spawner: &ProcessSpawner) -> Result<u64, Problem> {
    let plan = |number| plan_of(crowd.form, crowd.megabytes, &crowd.folder.join(format!("agent-{number}")));
    let plans = (0..crowd.agents).map(plan).collect::<Result<Vec<SpawnPlan>, Problem>>()?;
    let printed = std::thread::scope(|scope| {
        let running: Vec<_> = plans.iter().map(|plan| scope.spawn(|| run(spawner, plan))).collect();
        let ended = running.into_iter().map(|one| one.join().map_err(|_| "a spawner failed".to_owned())?);
        ended.collect::<Result<Vec<u64>, Problem>>()
    })?;
    Ok(printed.first().copied().unwrap_or(0))
}

/// Runs one; answers what it printed, in bytes.
pub(crate) fn run(spawner: &ProcessSpawner, plan: &SpawnPlan) -> Result<u64, Problem> {
    let (_stop, stops) = crossbeam_channel::unbounded();
    let report = spawner.run(plan, &stops, &|_| {}).map_err(|error| error.to_string())?;
    match report.exit {
        Exit::Code(0) => Ok(report.output_bytes),
        exit => Err(format!("void run: an agent ended with {exit}")),
    }
}

/// What an agent that prints so much is started with.
pub(crate) fn plan_of(form: Form, megabytes: usize, folder: &Path) -> Result<SpawnPlan, Problem> {
    let argv = argv(form, megabytes)?;
    let output = if form == Form::Stream { OutputForm::ClaudeStream } else { OutputForm::Text };
    Ok(SpawnPlan {
        runtime: "printer".into(),
        model: None,
        model_told: None,
        endpoint: None,
        argv,
        env: std::collections::BTreeMap::new(),
        cwd: PathBuf::from("/"),
        stdin: AgentStdin::Null,
        limits: SpawnLimits {
            timeout: LONG,
            stall_timeout: LONG,
            kill_grace: Duration::from_secs(10),
            transcript_max_bytes: TRANSCRIPT_MAX,
            budget_usd: None,
        },
        done_on_exit_zero: true,
        output,
        resumes: None,
        polite_signal: PoliteSignal::Terminate,
        sandbox: None,
        files: SpawnFiles {
            transcript: folder.join("transcript.jsonl"),
            stderr_log: folder.join("stderr.log"),
            outcome: folder.join("outcome.json"),
        },
        provenance: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_whole_lines_of_their_form() {
        let lines = Form::Lines.block();
        assert!(lines.split_inclusive(|byte| *byte == b'\n').all(|line| line.len() == 80));
        assert!(!Form::OneLine.block().contains(&b'\n'));
        for line in String::from_utf8(Form::Stream.block()).unwrap().lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(event["type"], "assistant");
        }
    }
}
