//! What hew decides, without doing any of it. Data flows down this list; an import goes up only.
//!
//! | module | holds |
//! | --- | --- |
//! | [`ids`], [`exit`], [`clock`], [`usage`], [`cut`] | names, how programs end, time as an argument, tokens, short texts |
//! | [`output`] | objects of `--json`, and JSON Schemas of what is written |
//! | [`settings`] | the one table of keys; layers merged with origins |
//! | [`tracker`] | tasks, where they live, and the rule that makes one ready |
//! | [`schedule`] | which task next |
//! | [`plan`] | what runs, and why |
//! | [`prompt`] | from a task to text |
//! | [`agent`] | running an agent, and the verdict on it |
//! | [`chat`] | what a model server is asked and answers |
//! | [`helper`] | what small models are asked, and what counts as their answer |
//! | [`triage`] | a failure of CI, from its event to a task |
//! | [`worktree`] | git by meaning; names, preparing, collecting, pruning |
//! | [`escape`] | what agents change that is not theirs, and how anybody knows |
//! | [`land`] | merge, gate, advance, deliver |
//! | [`record`] | the journal, the files made from it, and the views folded from it |
//! | [`resume`] | going on with a run whose process is gone: its journal, and what has to be asked besides |
//! | [`engine`] | `step(&mut State, Event, now) -> Vec<Effect>` |
//! | [`render`] | views to text |
//!
//! Invariants: nothing here touches a process, file, environment variable, clock, random number, terminal or network
//! (`clippy.toml` bans them); the engine never blocks and never fails; a journal's fold is the only view of a run.

pub mod agent;
pub mod chat;
pub mod clock;
pub mod cut;
pub mod engine;
pub mod escape;
pub mod exit;
pub mod helper;
pub mod ids;
pub mod land;
pub mod output;
pub mod plan;
pub mod prompt;
pub mod record;
pub mod render;
pub mod resume;
pub mod schedule;
pub mod settings;
pub mod tracker;
pub mod triage;
pub mod usage;
pub mod worktree;
