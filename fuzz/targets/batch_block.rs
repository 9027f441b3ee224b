//! An agent's last words: an id that is read from them stands in them.

#![no_main]

use hew_core::schedule::batch_plan_parse::parse_next_batch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Some(batch) = parse_next_batch(text) else { return };
    for id in &batch.task_ids {
        // JSON may write any character as an escape.
        assert!(text.contains(id.as_str()) || text.contains('\\'), "{id} is not in {text:?}");
    }
});
