//! What agents print: whatever comes, in whatever pieces, the records and the reading are the same.
//!
//! The first byte chooses the form, the second the size of the pieces.

#![no_main]

use hew_core::agent::{AgentReading, StreamEnd, StreamReader};
use hew_core::exit::Exit;
use hew_core::settings::OutputForm;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [form, size, bytes @ ..] = data else { return };
    let form = if form % 2 == 0 { OutputForm::ClaudeStream } else { OutputForm::CodexJsonl };
    let whole = read(form, bytes, bytes.len().max(1));
    let pieces = read(form, bytes, usize::from(*size) + 1);
    assert_eq!(whole, pieces);
    let each_is_one_line = whole.0.iter().all(|record| !record.contains('\n'));
    assert!(each_is_one_line, "a record is a line of the transcript");
});

fn read(form: OutputForm, bytes: &[u8], size: usize) -> (Vec<String>, AgentReading) {
    let mut reader = StreamReader::new(form, None).expect("both forms are of events");
    let mut records = Vec::new();
    let mut keep = |record: &str| records.push(record.to_owned());
    for piece in bytes.chunks(size) {
        reader.feed(piece, &mut keep);
    }
    for piece in bytes.chunks(size) {
        reader.feed_session(piece);
    }
    reader.finish_lines(&mut keep);
    let (reading, _) = reader.finish(&StreamEnd::new(Exit::Code(0), None, ""));
    (records, reading)
}
