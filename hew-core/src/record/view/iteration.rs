//! One iteration: everything that `iter-NNN.json` needs.

use crate::agent::{IterationOutcome, RuntimeFailure, ToolCall};
use crate::escape::Escape;
use crate::ids::{Actor, CommitId, IterationId, ModelName, RefName, RuntimeName, TaskId, TreeId};
use crate::record::event::{BatchSource, GateRecord, JournalEvent, RuntimeChange};
use crate::record::view::{AgentView, ExitView, Moment, Phase, Spent};

/// Most tool calls of an iteration that are kept.
const MAX_TOOL_CALLS: usize = 500;

/// Names of a project's settings, at its root.
const PROJECT_SETTINGS: [&str; 2] = [".hew.toml", "hew.toml"];

/// Work that did not merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictView {
    /// The tip.
    pub tip: CommitId,
    /// The work.
    pub work: CommitId,
    /// Conflicting files.
    pub files: Vec<String>,
}

/// One iteration.
#[derive(Debug, Clone, PartialEq)]
pub struct IterationView {
    /// The iteration.
    pub id: IterationId,
    /// Its number over all workers, from 1; 0 if its start was not seen.
    pub number: u64,
    /// Its task.
    pub task: Option<TaskId>,
    /// The task's title.
    pub title: String,
    /// Attempts at the task in this run, this one included.
    pub attempt: u32,
    /// Who holds the claim.
    pub actor: Option<Actor>,
    /// The commit that it starts from.
    pub base_sha: Option<CommitId>,
    /// Dependencies landed in this run that the base contains.
    pub builds_on: Vec<TaskId>,
    /// Number of the batch that it was picked under.
    pub batch: Option<u32>,
    /// Whose batch that is.
    pub batch_source: Option<BatchSource>,
    /// When it began: its first event.
    pub started: Option<Moment>,
    /// When its work came to wait on its worker's branch for the end of the run.
    pub stacked: Option<Moment>,
    /// When it ended.
    pub ended: Option<Moment>,
    /// How far it has come.
    pub phase: Phase,
    /// When it came there.
    pub phase_since: Option<Moment>,
    /// Its latest event.
    pub last: Option<Moment>,
    /// Its worktree.
    pub worktree: Option<String>,
    /// The runtime.
    pub runtime: Option<RuntimeName>,
    /// The model that is asked for.
    pub model: Option<ModelName>,
    /// The same as the runtime is told.
    pub model_told: Option<ModelName>,
    /// Hash of the prompt's prefix.
    pub prompt_prefix_hash: Option<String>,
    /// The agent's process.
    pub agent: Option<AgentView>,
    /// How the agent ended.
    pub exit: Option<ExitView>,
    /// The agent's decisions.
    pub decisions: Vec<String>,
    /// What the agent put off.
    pub deferred: Vec<String>,
    /// The agent's summary.
    pub summary: Option<String>,
    /// It gave none, and a model is being asked for one.
    pub summary_asked: bool,
    /// The end of its standard error.
    pub stderr_tail: String,
    /// What its agents used: one, and each that was run again.
    pub spent: Spent,
    /// The runtime's name of its session.
    pub session_id: Option<String>,
    /// The model that answered.
    pub model_observed: Option<String>,
    /// Tools that were used.
    pub tool_calls: Vec<ToolCall>,
    /// Why the runtime did not end well, where it said so.
    pub failure: Option<RuntimeFailure>,
    /// The anchored commit.
    pub head_sha: Option<CommitId>,
    /// The ref that keeps it.
    pub anchor: Option<RefName>,
    /// hew committed what the agent had left uncommitted.
    pub committed_leftovers: bool,
    /// Files that differ from the base, as many as the journal names.
    pub files_touched: Vec<String>,
    /// Functions and the like that differ from the base, as many as the journal names.
    pub symbols_touched: Vec<String>,
    /// Number of files that differ.
    pub file_count: u64,
    /// Lines added.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
    /// The tree that is to be landed.
    pub candidate_tree: Option<TreeId>,
    /// What its agent changed that is not its own.
    pub escapes: Vec<Escape>,
    /// Work that did not merge.
    pub conflict: Option<ConflictView>,
    /// The latest gate on its candidate.
    pub gate: Option<GateRecord>,
    /// Gates that ran for it.
    pub gate_count: u32,
    /// Paths of the gate's definition that the candidate changes.
    pub definition_changed: Vec<String>,
    /// What landed.
    pub landed_sha: Option<CommitId>,
    /// What its running agent has told of.
    pub live: Spent,
    /// It made its runtime rest.
    pub cooldown_engaged: bool,
    /// How it ended.
    pub outcome: Option<IterationOutcome>,
    /// Why.
    pub reason: Option<String>,
}

impl IterationView {
    pub(super) fn new(id: IterationId) -> Self {
        Self {
            id,
            number: 0,
            task: None,
            title: String::new(),
            attempt: 0,
            actor: None,
            base_sha: None,
            builds_on: Vec::new(),
            batch: None,
            batch_source: None,
            started: None,
            stacked: None,
            ended: None,
            phase: Phase::Preparing,
            phase_since: None,
            last: None,
            worktree: None,
            runtime: None,
            model: None,
            model_told: None,
            prompt_prefix_hash: None,
            agent: None,
            exit: None,
            decisions: Vec::new(),
            deferred: Vec::new(),
            summary: None,
            summary_asked: false,
            stderr_tail: String::new(),
            spent: Spent::default(),
            session_id: None,
            model_observed: None,
            tool_calls: Vec::new(),
            failure: None,
            head_sha: None,
            anchor: None,
            committed_leftovers: false,
            files_touched: Vec::new(),
            symbols_touched: Vec::new(),
            file_count: 0,
            added: 0,
            removed: 0,
            candidate_tree: None,
            escapes: Vec::new(),
            conflict: None,
            gate: None,
            gate_count: 0,
            definition_changed: Vec::new(),
            landed_sha: None,
            live: Spent::default(),
            cooldown_engaged: false,
            outcome: None,
            reason: None,
        }
    }

    /// Milliseconds from start to end, without a wait on its worker's branch; 0 while it runs.
    pub fn duration_ms(&self) -> u64 {
        match (self.started, self.stacked.filter(|_| self.ended.is_some()).or(self.ended)) {
            (Some(started), Some(ended)) => started.until_ms(ended),
            _ => 0,
        }
    }

    /// What its agents used, with what a running one has told of.
    pub fn spent_so_far(&self) -> Spent {
        let mut spent = self.spent;
        spent.add_live(&self.live);
        spent
    }

    /// Its work changes the project's settings, as far as the journal names the files that it touched.
    pub(super) fn changes_settings(&self) -> bool {
        self.files_touched.iter().any(|file| PROJECT_SETTINGS.contains(&file.as_str()))
    }

    /// A model has summed it up, or could not.
    pub(super) fn sum_up(&mut self, answer: Option<&str>) {
        self.summary_asked = false;
        self.summary = self.summary.take().or(answer.map(str::to_owned));
    }

    /// The process that ran its agent is gone, and the agent with it; so is whoever was asked to sum it up.
    pub(super) fn lose_agent(&mut self) {
        self.summary_asked = false;
        if self.outcome.is_none() && self.exit.is_none() {
            self.agent = None;
        }
    }

    pub(super) fn apply(&mut self, event: &JournalEvent, moment: Moment) {
        self.started.get_or_insert(moment);
        self.last = Some(moment);
        let before = self.phase;
        self.take(event, moment);
        if self.phase != before || self.phase_since.is_none() {
            self.phase_since = Some(moment);
        }
    }

    fn take(&mut self, event: &JournalEvent, moment: Moment) {
        match event {
            JournalEvent::IterationStarted { .. } => self.start(event, moment),
            JournalEvent::Prepared { worktree, .. } => {
                self.worktree = Some(worktree.clone());
                self.reach(Phase::Planning);
            }
            JournalEvent::Plan { runtime, model, model_told, prompt_prefix_hash, .. } => {
                self.runtime = Some(runtime.clone());
                self.model.clone_from(model);
                self.model_told.clone_from(model_told);
                self.prompt_prefix_hash = Some(prompt_prefix_hash.clone());
                self.reach(Phase::Starting);
            }
            JournalEvent::Spawned { pid, start_ticks, .. } => {
                self.agent = Some(AgentView { pid: *pid, start_ticks: *start_ticks, since: moment });
                self.reach(Phase::Running);
            }
            JournalEvent::Used { usage, cost_usd, cost_source, .. } => {
                self.live = Spent::default();
                self.live.add(*usage, *cost_usd, *cost_source);
            }
            JournalEvent::Exited { .. } => self.exited(event),
            // Its agent runs once more: one of two exceptions to phases that never go back.
            JournalEvent::RetryPlanned { .. } => {
                self.phase = Phase::Waiting;
                (self.agent, self.exit) = (None, None);
            }
            JournalEvent::RuntimeChanged { change: RuntimeChange::Rests { .. }, .. } => {
                self.cooldown_engaged = true;
            }
            JournalEvent::Escaped { escapes, .. } => self.escapes.extend(escapes.iter().cloned()),
            JournalEvent::Collected { .. } => self.collected(event),
            JournalEvent::Proving { .. } => self.reach(Phase::Proving),
            // Its own gate has spoken, and that of the merge is yet to come.
            JournalEvent::Stacked { .. } => {
                self.stacked = Some(moment);
                self.phase = Phase::Stacked;
            }
            JournalEvent::Queued { .. } => self.reach(Phase::Queued),
            JournalEvent::Candidate { tree, .. } => {
                self.candidate_tree = Some(tree.clone());
                self.reach(Phase::Gating);
            }
            JournalEvent::Conflicted { tip, work, files, .. } => {
                let (tip, work, files) = (tip.clone(), work.clone(), files.clone());
                self.conflict = Some(ConflictView { tip, work, files });
                self.reach(Phase::Settling);
            }
            JournalEvent::Gated { gate, definition_changed, .. } => {
                self.gate = Some(gate.clone());
                self.gate_count = self.gate_count.saturating_add(1);
                self.definition_changed.clone_from(definition_changed);
                self.reach(Phase::Settling);
            }
            JournalEvent::Landed { sha, task, .. } => {
                self.task.get_or_insert_with(|| task.clone());
                self.landed_sha = Some(sha.clone());
                self.reach(Phase::Settling);
            }
            JournalEvent::IterationEnded { .. } => self.end(event, moment),
            _ => {}
        }
    }

    /// It does not wait for its branch's landing any more.
    pub(super) fn is_given_back(&mut self) {
        self.reach(Phase::Settling);
    }

    /// What an agent had told of whose end nobody saw: all that is known of what it used.
    pub(super) fn take_live(&mut self) -> Option<Spent> {
        let told = std::mem::take(&mut self.live);
        self.spent.add_live(&told);
        (told.usage.total() > 0).then_some(told)
    }

    /// A phase never goes back.
    fn reach(&mut self, phase: Phase) {
        self.phase = self.phase.max(phase);
    }

    fn start(&mut self, event: &JournalEvent, moment: Moment) {
        let JournalEvent::IterationStarted {
            number,
            task,
            title,
            attempt,
            actor,
            base_sha,
            builds_on,
            batch,
            ..
        } = event
        else {
            return;
        };
        self.number = *number;
        self.task = Some(task.clone());
        self.title.clone_from(title);
        self.attempt = *attempt;
        self.actor = Some(actor.clone());
        self.base_sha = Some(base_sha.clone());
        self.builds_on.clone_from(builds_on);
        self.batch = *batch;
        self.started = Some(moment);
    }

    fn exited(&mut self, event: &JournalEvent) {
        let JournalEvent::Exited {
            exit,
            duration_secs,
            stopped,
            leaked,
            signal,
            output_bytes,
            decisions,
            deferred,
            summary,
            summary_asked,
            stderr_tail,
            ..
        } = event
        else {
            return;
        };
        self.exit = Some(ExitView {
            exit: *exit,
            duration_secs: *duration_secs,
            stopped: stopped.clone(),
            leaked: *leaked,
            signal: signal.clone(),
            output_bytes: *output_bytes,
        });
        self.decisions.clone_from(decisions);
        self.deferred.clone_from(deferred);
        self.summary.clone_from(summary);
        self.summary_asked = *summary_asked;
        self.stderr_tail.clone_from(stderr_tail);
        self.read(event);
        self.live = Spent::default();
        self.reach(Phase::Collecting);
    }

    /// What its agent's structured output said; of one that was run again, the last word counts, and tokens add up.
    fn read(&mut self, event: &JournalEvent) {
        let JournalEvent::Exited {
            usage,
            cost_usd,
            cost_source,
            session_id,
            model_observed,
            tool_calls,
            failure,
            ..
        } = event
        else {
            return;
        };
        if self.ended.is_none() {
            self.spent.add(*usage, *cost_usd, *cost_source);
        }
        self.session_id = session_id.clone().or(self.session_id.take());
        self.model_observed = model_observed.clone().or(self.model_observed.take());
        let room = MAX_TOOL_CALLS.saturating_sub(self.tool_calls.len());
        self.tool_calls.extend(tool_calls.iter().take(room).cloned());
        self.failure.clone_from(failure);
    }

    fn collected(&mut self, event: &JournalEvent) {
        let JournalEvent::Collected {
            head_sha,
            anchor,
            committed_leftovers,
            files_touched,
            file_count,
            added,
            removed,
            symbols_touched,
            ..
        } = event
        else {
            return;
        };
        self.head_sha = Some(head_sha.clone());
        self.anchor = Some(anchor.clone());
        self.committed_leftovers = *committed_leftovers;
        self.files_touched.clone_from(files_touched);
        self.file_count = u64::try_from(*file_count).unwrap_or(u64::MAX);
        self.symbols_touched.clone_from(symbols_touched);
        self.added = *added;
        self.removed = *removed;
    }

    fn end(&mut self, event: &JournalEvent, moment: Moment) {
        let JournalEvent::IterationEnded { task, outcome, reason, landed_sha, .. } = event else { return };
        self.task.get_or_insert_with(|| task.clone());
        self.outcome = Some(*outcome);
        self.reason.clone_from(reason);
        if landed_sha.is_some() {
            self.landed_sha.clone_from(landed_sha);
        }
        self.ended = Some(moment);
        self.phase = Phase::Ended;
    }
}
