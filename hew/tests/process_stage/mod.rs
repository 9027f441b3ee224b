//! A place for one agent or gate, with real processes; when it goes, nothing of them may be left.
#![expect(clippy::unwrap_used, reason = "a test that can not set its stage has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use hew::adapters::spawner::ProcessSpawner;
use hew_core::agent::{SpawnError, SpawnProgress, SpawnReport, Spawner, StopRequest};
use hew_core::land::gate::GateJob;
use hew_core::plan::{AgentStdin, PoliteSignal, SpawnFiles, SpawnLimits, SpawnPlan};
use hew_core::settings::OutputForm;
use hew_core::settings::secret::SecretValues;
use hew_testkit::stub_agent;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const HEW: &str = env!("CARGO_BIN_EXE_hew");
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// A folder for one agent. When it is dropped, no process that carries its mark may be left.
pub(crate) struct Stage {
    pub dir: TempDir,
    pub stops: (Sender<StopRequest>, Receiver<StopRequest>),
}

impl Stage {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("work")).unwrap();
        Self { dir, stops: unbounded() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn env(&self) -> BTreeMap<String, String> {
        let own = [
            ("HEW_RUN_ID", self.dir.path().to_str().unwrap()),
            ("HEW_OUTCOME_FILE", self.path("outcome.json").to_str().unwrap()),
            ("HEW_STUB_SCRIPT", self.path("script").to_str().unwrap()),
            ("HEW_STUB_HEW", HEW),
            ("PATH", &std::env::var("PATH").unwrap()),
            ("HERE", self.dir.path().to_str().unwrap()),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
        BTreeMap::from(own)
    }

    /// A plan for the scripted agent.
    pub(crate) fn plan(&self, script: &str) -> SpawnPlan {
        fs::write(self.path("script"), script).unwrap();
        self.plan_for(&[stub_agent::path().to_str().unwrap()])
    }

    pub(crate) fn plan_for(&self, argv: &[&str]) -> SpawnPlan {
        SpawnPlan {
            runtime: "stub".into(),
            model: None,
            endpoint: None,
            model_told: None,
            argv: argv.iter().map(|&arg| arg.to_owned()).collect(),
            env: self.env(),
            cwd: self.path("work"),
            stdin: AgentStdin::Null,
            limits: SpawnLimits {
                timeout: LONG,
                stall_timeout: LONG,
                kill_grace: LONG,
                transcript_max_bytes: 1 << 20,
                budget_usd: None,
            },
            done_on_exit_zero: true,
            output: OutputForm::Text,
            resumes: None,
            polite_signal: PoliteSignal::Terminate,
            sandbox: None,
            files: SpawnFiles {
                transcript: self.path("iter/transcript.jsonl"),
                stderr_log: self.path("iter/stderr.log"),
                outcome: self.path("outcome.json"),
            },
            provenance: vec![],
        }
    }

    /// Runs a plan. There is a file `begun` as soon as the shim has told that the program runs.
    pub(crate) fn run(&self, plan: &SpawnPlan) -> Result<SpawnReport, SpawnError> {
        self.run_watched(plan, &|progress| {
            if matches!(progress, SpawnProgress::Started { .. }) {
                fs::write(self.path("begun"), "").unwrap();
            }
        })
    }

    pub(crate) fn run_watched(
        &self,
        plan: &SpawnPlan,
        on: &dyn Fn(SpawnProgress),
    ) -> Result<SpawnReport, SpawnError> {
        ProcessSpawner::new(HEW.into(), SecretValues::default()).run(plan, &self.stops.1, on)
    }

    /// Runs a plan and, once the agent has made the file `ready`, asks for these stops.
    pub(crate) fn run_and_stop(&self, plan: &SpawnPlan, requests: &[StopRequest]) -> SpawnReport {
        std::thread::scope(|scope| {
            let running = scope.spawn(|| self.run(plan).unwrap());
            wait_for(&self.path("ready"));
            for request in requests {
                self.stops.0.send(*request).unwrap();
            }
            running.join().unwrap()
        })
    }

    pub(crate) fn gate_job(&self, command: &str) -> GateJob {
        GateJob {
            command: command.to_owned(),
            cwd: self.path("work"),
            log: self.path("iter/gate.log"),
            timeout: LONG,
            kill_grace: LONG,
            env: self.env().into_iter().collect(),
            sandbox: None,
        }
    }

    pub(crate) fn transcript(&self) -> Vec<Value> {
        self.read("iter/transcript.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The lines that were kept; pieces of a long one each by itself.
    pub(crate) fn texts(&self) -> Vec<String> {
        let text = |record: &Value| Some(record.pointer("/message/content/0/text")?.as_str()?.to_owned());
        let texts = self.transcript().iter().filter_map(text).collect::<Vec<_>>();
        // Lines that share a record have their ends.
        let lines = texts.iter().flat_map(|text| text.strip_suffix('\n').unwrap_or(text).split('\n'));
        lines.map(str::to_owned).collect()
    }

    /// Processes, shims among them, that carry this stage's mark.
    pub(crate) fn processes(&self) -> Vec<String> {
        let mark = format!("HEW_RUN_ID={}", self.dir.path().display());
        let carries = |pid: &Path| {
            fs::read(pid.join("environ"))
                .is_ok_and(|env| env.split(|b| *b == 0).any(|v| v == mark.as_bytes()))
        };
        let entries = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        entries
            .filter(|pid| carries(pid))
            .map(|pid| fs::read_to_string(pid.join("cmdline")).unwrap_or_default())
            .collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.processes(), Vec::<String>::new(), "processes are left");
        }
    }
}

pub(crate) fn wait_for(path: &Path) {
    let limit = Instant::now() + LONG;
    while !path.exists() {
        assert!(Instant::now() < limit, "{} never came", path.display());
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let limit = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < limit, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
