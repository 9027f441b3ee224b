//! A run as a picture: its iterations in lanes, or its tasks and their dependencies.
//!
//! | file | holds |
//! | --- | --- |
//! | `ir` | what a picture shows, free of any format |
//! | `runs` | from a run to that |
//! | `tasks` | from tasks and their dependencies to that |
//! | `mermaid`, `ascii` | from that to text |

pub mod ascii;
pub mod ir;
pub mod mermaid;
pub mod runs;
pub mod tasks;

pub use ir::Graph;
