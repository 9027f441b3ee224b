//! The thin binary: the command line, the adapters that really do things, and the screen. What to do is decided in
//! `hew-core`; this crate wires it.
//!
//! | module | holds |
//! | --- | --- |
//! | [`cli`] | clap structs only; a doc comment is the help text |
//! | [`commands`] | one file a subcommand: settle settings, call the core, print |
//! | [`drive`] | the only loop: select over channels, step, perform effects |
//! | [`adapters`] | the only users of processes, files, environment, time |
//! | [`settings_edit`] | one key of a settings file changed, comments and order kept |
//! | [`skills`] | texts for agents, embedded |
//! | [`ui`] | the only printer |
//! | [`failure`] | one diagnostic an error: what failed, the causes, what to run next |

pub mod adapters;
pub mod cli;
pub mod commands;
pub mod drive;
pub mod failure;
pub mod settings_edit;
pub mod skills;
pub mod ui;
