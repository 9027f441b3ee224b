//! A run as a picture: its iterations in lanes, or its tasks and their dependencies.
//!
//! | file | holds |
//! | --- | --- |
//! | `ir`, `class` | what a picture shows, free of any format; how its nodes look |
//! | `runs`, `places`, `verify` | from a run to that; where iterations stand; the verification at the end |
//! | `tasks` | from tasks and their dependencies to that |
//! | `mermaid`, `dot`, `ascii`, `svg`, `json` | from that to text |

pub mod ascii;
pub mod class;
pub mod dot;
pub mod ir;
pub mod json;
pub mod mermaid;
mod places;
pub mod runs;
pub mod svg;
pub mod tasks;
mod verify;

pub use ir::Graph;
pub use json::GraphJson;
