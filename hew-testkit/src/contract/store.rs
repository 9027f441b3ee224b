//! What every store of a run does.

use hew_core::record::{JournalEntry, Store};

use crate::journal;

/// Reads one file of a store.
pub type ReadFile = Box<dyn Fn(&str) -> Option<Vec<u8>>>;

/// A store under test, with the means to look at what it holds.
pub struct StoreProbe {
    /// The store.
    pub store: Box<dyn Store>,
    /// Its journal, read afresh.
    pub journal: Box<dyn Fn() -> Vec<JournalEntry>>,
    /// A file of it, read afresh.
    pub file: ReadFile,
}

/// Runs the contract against stores made by `make`, each one empty.
pub fn store_contract(make: &dyn Fn() -> StoreProbe) {
    appended_entries_read_back_in_order(make());
    an_empty_append_adds_nothing(make());
    a_file_is_replaced_whole(make());
    a_file_in_a_folder_needs_no_folder(make());
}

fn appended_entries_read_back_in_order(mut probe: StoreProbe) {
    let run = journal::every_outcome();
    let (first, rest) = run.entries().split_at(3);
    probe.store.append(first).expect("appended");
    assert_eq!((probe.journal)(), first);
    for entry in rest {
        probe.store.append(std::slice::from_ref(entry)).expect("appended");
    }
    assert_eq!((probe.journal)(), run.entries());
}

fn an_empty_append_adds_nothing(mut probe: StoreProbe) {
    let run = journal::in_the_middle();
    probe.store.append(&[]).expect("appended");
    probe.store.append(run.entries()).expect("appended");
    probe.store.append(&[]).expect("appended");
    assert_eq!((probe.journal)(), run.entries());
}

fn a_file_is_replaced_whole(mut probe: StoreProbe) {
    assert_eq!((probe.file)("run.json"), None);
    probe.store.write("run.json", b"a long first content").expect("written");
    probe.store.write("run.json", b"short").expect("written");
    assert_eq!((probe.file)("run.json").as_deref(), Some(&b"short"[..]));
}

fn a_file_in_a_folder_needs_no_folder(mut probe: StoreProbe) {
    probe.store.write("worker-2/iter-001.json", b"{}").expect("written");
    assert_eq!((probe.file)("worker-2/iter-001.json").as_deref(), Some(&b"{}"[..]));
}
