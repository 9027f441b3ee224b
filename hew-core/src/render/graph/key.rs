//! What nodes are called among themselves.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::ids::IterationId;

/// A node's key, unique in the whole graph. Written it is made of ASCII letters, digits and `_`, never of outside text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeKey {
    /// An iteration: `r0_w1_i3`.
    Iteration {
        /// The run's place among those that are drawn, from 0.
        run: usize,
        /// The iteration.
        id: IterationId,
    },
    /// A commit that workers went back to: `r0_base2`.
    Base {
        /// The run's place.
        run: usize,
        /// The commit's, from 0.
        number: usize,
    },
    /// The verification at a run's end: `r0_verify`.
    Verify {
        /// The run's place.
        run: usize,
    },
    /// What stands for a run without iterations: `r0_none`.
    Nothing {
        /// The run's place.
        run: usize,
    },
    /// A task: `t7`.
    Task {
        /// Its place among those that are drawn, from 0.
        number: usize,
    },
}

impl fmt::Display for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Iteration { run, id } => write!(f, "r{run}_{}_i{}", id.worker, id.iter),
            Self::Base { run, number } => write!(f, "r{run}_base{number}"),
            Self::Verify { run } => write!(f, "r{run}_verify"),
            Self::Nothing { run } => write!(f, "r{run}_none"),
            Self::Task { number } => write!(f, "t{number}"),
        }
    }
}

impl Serialize for NodeKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
