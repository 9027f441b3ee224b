//! A network of a program's own, and what leads out of it (`loop.sandbox = "strict"`).
//!
//! | module | does |
//! | --- | --- |
//! | `namespace` | in the stage of the shim, before it becomes the program: makes the network, and listens in it |
//! | `handover` | how the shim, which stands outside, gets what the stage listens on |
//! | `doors`, `proxy`, `head`, `tunnel` | in the shim: who asks is let through, or not |
//!
//! Invariants: nothing is looked up or connected to for a place that is not let through; the threads are the shim's, which
//! ends with its program. What is let through is decided in the core.

mod doors;
mod handover;
mod head;
mod namespace;
mod proxy;
mod tunnel;

pub(super) use doors::Doors;
pub(super) use handover::{Failed, receive};
pub(super) use namespace::enter;
