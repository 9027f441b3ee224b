//! A tracker's JSON: a record that is taken for a task is the same task when it is read again from what is written.

#![no_main]

use hew_core::tracker::record::task_from_record;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

fuzz_target!(|data: &[u8]| {
    let Ok(record) = serde_json::from_slice::<Map<String, Value>>(data) else { return };
    let Ok(task) = task_from_record(record) else { return };
    let written = serde_json::to_string(&task.record).expect("a record has text keys");
    let again = serde_json::from_str(&written).expect("it was just written");
    assert_eq!(task_from_record(again).as_ref(), Ok(&task));
    assert!(!task.id.as_str().contains(char::is_control));
});
