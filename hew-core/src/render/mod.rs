//! Views to text.
//!
//! Everything that comes from outside (titles, reasons, paths) is made visible on its way in. Colour is put into the text
//! as styles; whoever prints drops them where they don't belong.

pub mod facts;
pub mod figures;
pub mod graph;
pub mod held;
mod left;
pub mod live;
pub mod logs;
mod markup;
pub mod narrate;
pub mod plan;
pub mod report;
pub mod run_list;
pub mod status;
mod stopping;
pub mod style;
pub mod summary;
pub mod table;
pub mod task;
pub mod text;
pub mod transcript;
pub mod verify;
