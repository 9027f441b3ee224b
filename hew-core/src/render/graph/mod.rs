//! A run as a picture: its iterations in lanes, or its tasks and their dependencies.
//!
//! | file | holds |
//! | --- | --- |
//! | `ir`, `key`, `class` | what a picture shows, free of any format; what its nodes are called; how they look |
//! | `runs`, `places`, `verify` | from a run to that; where iterations stand; the verification at the end |
//! | `tasks` | from tasks and their dependencies to that |
//! | `mermaid`, `dot`, `ascii`, `svg`, `json` | from that to text |

pub mod ascii;
pub mod class;
pub mod dot;
pub mod ir;
pub mod json;
mod key;
pub mod mermaid;
mod places;
pub mod runs;
pub mod svg;
pub mod tasks;
mod verify;

pub use ir::Graph;
pub use json::GraphJson;
pub use key::NodeKey;
