//! What is written down: journal events, the files of a run, and the fold from one to the other.

pub mod event;
pub mod files;
pub mod ledger;
pub mod line;
pub mod older;
mod parts;
pub mod plan_file;
mod runtime_change;
pub mod standing;
pub mod store;
mod tagged;
pub mod view;

pub use event::{IterationOutcome, JournalEntry, JournalEvent, StopReason};
pub use line::LineRecord;
pub use standing::RunState;
pub use store::{Store, StoreError};
pub use view::RunView;
