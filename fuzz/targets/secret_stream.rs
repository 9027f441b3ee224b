//! Output that is filtered: no secret comes through, however it is cut.
//!
//! The first line is the secret, the first byte after it the size of the pieces.

#![no_main]

use hew_core::settings::secret::{LEFT_OUT, SecretValues};
use hew_core::settings::secret_stream::SecretStream;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Some((secret, text)) = text.split_once('\n') else { return };
    let secrets = SecretValues::of([("API_KEY".to_owned(), secret.to_owned())]);
    let Some((size, bytes)) = text.as_bytes().split_first() else { return };
    let whole = passed(&secrets, bytes, bytes.len().max(1));
    assert_eq!(passed(&secrets, bytes, usize::from(*size) + 1), whole);
    // What stands for a secret may make another one with what is beside it.
    let is_apart = secret.chars().all(|c| !LEFT_OUT.contains(c));
    if secret.chars().count() >= 8 && is_apart {
        assert!(!String::from_utf8_lossy(&whole).contains(secret));
    }
});

fn passed(secrets: &SecretValues, bytes: &[u8], size: usize) -> Vec<u8> {
    let mut stream = SecretStream::new(secrets);
    let mut passed = Vec::new();
    for piece in bytes.chunks(size) {
        passed.extend_from_slice(stream.pass(piece));
    }
    passed.extend(stream.rest());
    passed
}
