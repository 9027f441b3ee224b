//! Going on with a run whose process is gone: what its journal says of it, and what has to be asked besides.
//!
//! The journal says how far the run had come, which may be one step behind what was done: a claim is made before it is
//! written down, a branch moved before that is. So for each iteration that had not ended, git and the tracker are asked
//! what is so now ([`gather`]), and the engine's state is made from both (`engine::State::resumed`).
//!
//! Invariants: any beginning of a journal can be gone on with; nothing here changes anything but [`give_back`], which only
//! gives back claims of the dead run that no iteration of it knows; asking twice gives the same answers.
//!
//! | file | holds |
//! | --- | --- |
//! | `unfinished` | the fold of a journal: what a resumed run has to know |
//! | `open` | an iteration that had not ended |
//! | `touched` | a task that the run touched |
//! | `spent` | what was spent, and what one iteration takes |
//! | `batches` | what was said to be next |
//! | `frozen` | settings as they were frozen at launch |
//! | `evidence` | what git and the tracker say now |

mod batches;
mod evidence;
pub mod frozen;
mod open;
mod spent;
mod touched;
mod unfinished;

pub use batches::BatchesBefore;
pub use evidence::{
    Evidence, EvidenceError, IterationEvidence, KeptConflict, Stray, UnclosedEvidence, contains, gather,
    give_back,
};
pub use open::{CollectedBefore, GivenBack, OpenIteration};
pub use spent::{Priced, SpentBefore};
pub use touched::{FailureBefore, Stands, TaskBefore};
pub use unfinished::{
    GivenUpBefore, NotResumable, SeatBefore, Unclosed, Unfinished, UnfinishedFold, VerifiedBefore,
};
