//! A journal: whatever lines can be read, in whatever order, fold to a view and to what a resumed run knows; a line that was
//! read is the same when it is written and read again, and however it is read.

#![no_main]

use hew_core::record::files::parse_line;
use hew_core::record::{JournalEntry, LineRecord, RunView};
use hew_core::resume::UnfinishedFold;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let entries: Vec<JournalEntry> = text.lines().filter_map(|line| parse_line(line).ok()).collect();
    for line in text.lines() {
        let mut place = None;
        let read = JournalEntry::read_line(&mut line.as_bytes().to_vec(), &mut place);
        assert_eq!(read.map(|()| place.expect("it was read")), parse_line(line));
    }
    for entry in &entries {
        let written = serde_json::to_string(entry).expect("an entry can be written");
        assert_eq!(parse_line::<JournalEntry>(&written).as_ref(), Ok(entry));
    }
    let view = RunView::of(&entries);
    assert!(view.iterations.len() <= entries.len());
    let mut unfinished = UnfinishedFold::default();
    entries.iter().for_each(|entry| unfinished.apply(entry));
    if let Ok(unfinished) = unfinished.finish() {
        assert_eq!(Some(unfinished.run()), view.run_id());
    }
});
