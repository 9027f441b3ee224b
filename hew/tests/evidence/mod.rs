//! What a run did, read from what others left: the agents' transcripts, git, the tracker. Nothing here uses what hew
//! itself makes of a run, so that its figures can be held against these.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use hew_testkit::loop_stage::LoopStage;
use serde_json::Value;

/// Tokens in the order of hew's own four counts: input, output, read from a cache, written to one.
pub(crate) type Tokens = [u64; 4];

/// One agent, from its transcript and the folder that it lies in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Agent {
    pub(crate) worker: u64,
    pub(crate) iter: u64,
    /// The task, as the agent itself named it.
    pub(crate) task: String,
    pub(crate) tokens: Tokens,
    /// What it said at its end that it cost.
    pub(crate) usd: Option<f64>,
}

impl Agent {
    pub(crate) fn total(&self) -> u64 {
        self.tokens.iter().sum()
    }
}

/// One commit of the run branch, from git.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Landed {
    pub(crate) sha: String,
    pub(crate) task: String,
    /// `w0/iter-001`
    pub(crate) iteration: String,
    pub(crate) files: u64,
    pub(crate) added: u64,
    pub(crate) removed: u64,
}

/// Everything that is known of the newest run.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) agents: Vec<Agent>,
    pub(crate) landed: Vec<Landed>,
    /// Records of all tasks, by id.
    pub(crate) tasks: BTreeMap<String, Value>,
}

impl Evidence {
    /// Reads all of it; the run was launched at this commit.
    pub(crate) fn of(stage: &LoopStage, launch: &str) -> Self {
        Self { agents: agents(&stage.run_folder()), landed: landed(stage, launch), tasks: stage.tasks() }
    }

    /// The commit in which an agent's work landed.
    pub(crate) fn landed_by(&self, agent: &Agent) -> Option<&Landed> {
        let name = format!("w{}/iter-{:03}", agent.worker, agent.iter);
        self.landed.iter().find(|commit| commit.iteration == name)
    }

    /// Sums over some of the agents.
    pub(crate) fn tokens(&self, is_of: impl Fn(&Agent) -> bool) -> Tokens {
        let mut sum = [0; 4];
        for agent in self.agents.iter().filter(|agent| is_of(agent)) {
            sum.iter_mut().zip(agent.tokens).for_each(|(sum, count)| *sum += count);
        }
        sum
    }

    /// The model that a task's label asks for.
    pub(crate) fn model_of(&self, task: &str) -> Option<String> {
        let labels = self.tasks[task]["labels"].as_array().into_iter().flatten().filter_map(Value::as_str);
        labels.into_iter().find_map(|label| label.strip_prefix("model:")).map(ToOwned::to_owned)
    }

    /// Ids of tasks with this label.
    pub(crate) fn labelled(&self, label: &str) -> BTreeSet<String> {
        let has = |task: &Value| {
            task["labels"].as_array().is_some_and(|labels| labels.iter().any(|known| known == label))
        };
        self.tasks.iter().filter(|(_, task)| has(task)).map(|(id, _)| id.clone()).collect()
    }

    /// Ids of tasks that are not closed.
    pub(crate) fn open(&self) -> BTreeSet<String> {
        self.tasks.iter().filter(|(_, task)| task["status"] != "closed").map(|(id, _)| id.clone()).collect()
    }
}

fn agents(run: &Path) -> Vec<Agent> {
    let mut found = Vec::new();
    for worker in 0.. {
        let folder = run.join(format!("worker-{worker}"));
        if !folder.is_dir() {
            return found;
        }
        for iter in 1.. {
            let transcript = folder.join(format!("iter-{iter:03}/transcript.jsonl"));
            let Ok(text) = fs::read_to_string(transcript) else { break };
            found.push(agent(worker, iter, &text));
        }
    }
    found
}

/// The last account of all that was used, where the agent came to giving one; else what each of its messages used.
fn agent(worker: u64, iter: u64, transcript: &str) -> Agent {
    let records: Vec<Value> = transcript
        .lines()
        .map(|line| serde_json::from_str(line).expect("a transcript is JSON lines"))
        .collect();
    let named = transcript.split("task=").nth(1).expect("each agent names its task");
    let task = named.split(['"', '\\', ';']).next().expect("there is a first part").to_owned();
    let account = records.iter().rev().find(|record| record.get("modelUsage").is_some());
    let (tokens, usd) = if let Some(account) = account {
        let models = account["modelUsage"].as_object().expect("it is a map").values();
        let fields = ["inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens"];
        (sum(models, fields), account["total_cost_usd"].as_f64())
    } else {
        let messages: BTreeMap<&str, &Value> = records
            .iter()
            .filter_map(|record| Some((record["message"]["id"].as_str()?, &record["message"]["usage"])))
            .collect();
        // A message's own count of output is that of its beginning, which says nothing.
        let fields = ["input_tokens", "", "cache_read_input_tokens", "cache_creation_input_tokens"];
        (sum(messages.into_values(), fields), None)
    };
    Agent { worker, iter, task, tokens, usd }
}

fn sum<'a>(counts: impl Iterator<Item = &'a Value>, names: [&str; 4]) -> Tokens {
    let mut sum = [0; 4];
    for count in counts {
        sum.iter_mut().zip(names).for_each(|(sum, name)| *sum += count[name].as_u64().unwrap_or(0));
    }
    sum
}

fn landed(stage: &LoopStage, launch: &str) -> Vec<Landed> {
    let trailer = |key: &str| format!("%(trailers:key={key},valueonly,separator=%x2C)");
    let format = format!("--format=%H %x09{}%x09{}", trailer("Hew-Task"), trailer("Hew-Iter"));
    let range = format!("{launch}..{}", stage.run_branch().expect("something landed"));
    let text = stage.repo.git(&["log", "--first-parent", &format, &range]);
    text.lines().map(|line| commit(stage, line)).collect()
}

fn commit(stage: &LoopStage, line: &str) -> Landed {
    let [sha, task, iteration] =
        line.split('\t').map(str::trim).collect::<Vec<_>>().try_into().expect("three fields");
    let numbers = stage.repo.git(&["diff", "--numstat", &format!("{sha}^1"), sha]);
    let column = |at: usize| {
        let counts = numbers.lines().map(|line| line.split_whitespace().nth(at).expect("a count"));
        counts.map(|count| count.parse::<u64>().expect("a number")).sum()
    };
    Landed {
        sha: sha.to_owned(),
        task: task.to_owned(),
        iteration: iteration.to_owned(),
        files: numbers.lines().count() as u64,
        added: column(0),
        removed: column(1),
    }
}
