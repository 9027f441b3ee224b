//! A model server's stream: whatever comes, in whatever pieces, nothing is fatal, memory is bounded, and the pieces make no
//! difference.

#![no_main]

use hew_core::chat::sse::{LONGEST_LINE, SseDecoder, SseItem};
use hew_core::chat::stream::ChatStream;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, Vec<u8>)| {
    let (bytes, sizes) = input;
    let whole = SseDecoder::default().push(&bytes);
    for item in &whole {
        if let SseItem::Data(data) = item {
            // A byte that is no text becomes three.
            assert!(!data.is_empty() && data.len() <= 3 * LONGEST_LINE);
        }
    }
    let mut decoder = SseDecoder::default();
    let (mut found, mut rest) = (Vec::new(), &bytes[..]);
    for size in sizes.iter().map(|size| usize::from(*size) + 1) {
        let (piece, after) = rest.split_at(size.min(rest.len()));
        found.extend(decoder.push(piece));
        rest = after;
    }
    found.extend(decoder.push(rest));
    assert_eq!(found, whole);

    let mut stream = ChatStream::default();
    let mut said = String::new();
    if stream.push(&bytes, |text| said.push_str(text)).is_ok()
        && let Ok(answer) = stream.finish()
    {
        assert_eq!(answer.text, said);
    }
});
