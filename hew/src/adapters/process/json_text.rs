//! Text as a JSON string, at the speed of memory: agents print gigabytes, and most of what they print needs no escape.

/// Bytes that are looked through together for what is rare.
const BLOCK: usize = 1024;
/// At most so many bytes are counted in one byte.
const COUNTED: usize = 128;
const HEX: &[u8; 16] = b"0123456789abcdef";
/// How long each byte is as it is written.
const LENGTHS: [u8; 256] = lengths();

const fn lengths() -> [u8; 256] {
    let mut lengths = [1; 256];
    let mut control = 0;
    while control < 0x20 {
        lengths[control] = 6;
        control += 1;
    }
    let short = b"\"\\\n\r\t\x08\x0c";
    let mut at = 0;
    while at < short.len() {
        lengths[short[at] as usize] = 2;
        at += 1;
    }
    lengths
}

/// Appends `text` as a JSON string, quotes included, in the same form as `serde_json` writes it.
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + text.len() / 16 + 2);
    out.push(b'"');
    for block in text.as_bytes().chunks(BLOCK) {
        if has_rare(block) {
            push_with_rare(out, block);
        } else {
            push_plain(out, block);
        }
    }
    out.push(b'"');
}

/// The length of what [`push_string`] appends.
pub(super) fn string_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut len = bytes.len() + 2;
    for block in bytes.chunks(BLOCK) {
        len += if has_rare(block) {
            block.iter().map(|byte| usize::from(LENGTHS[usize::from(*byte)]) - 1).sum::<usize>()
        } else {
            block.chunks(COUNTED).map(count_common).sum::<usize>()
        };
    }
    len
}

/// There are control characters besides line ends, which most texts have none of. Without an exit before the end, bytes
/// are compared side by side.
fn has_rare(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |found, byte| found | is_rare(*byte))
}

fn is_rare(byte: u8) -> bool {
    byte < 0x20 && byte != b'\n'
}

/// How many bytes have to be escaped that are not rare.
fn count_common(bytes: &[u8]) -> usize {
    usize::from(bytes.iter().fold(0_u8, |count, byte| count + u8::from(matches!(byte, b'\n' | b'"' | b'\\'))))
}

fn push_plain(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut start = 0;
    for at in memchr::memchr3_iter(b'\n', b'"', b'\\', bytes) {
        out.extend_from_slice(&bytes[start..at]);
        push_escaped(out, bytes[at]);
        start = at + 1;
    }
    out.extend_from_slice(&bytes[start..]);
}

fn push_with_rare(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if LENGTHS[usize::from(*byte)] > 1 {
            out.extend_from_slice(&bytes[start..at]);
            push_escaped(out, *byte);
            start = at + 1;
        }
    }
    out.extend_from_slice(&bytes[start..]);
}

fn push_escaped(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0xf)]];
            out.extend_from_slice(b"\\u00");
            return out.extend_from_slice(&digits);
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn string_of(text: &str) -> String {
        let mut out = Vec::new();
        push_string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn it_is_what_serde_json_writes(
            parts in proptest::collection::vec(
                prop_oneof![".{0,5}", "[a-z ñ\\n\"\\\\]{0,700}", "[\u{0}-\u{7f}]{0,40}"],
                0..6,
            ),
        ) {
            let text = parts.concat();
            prop_assert_eq!(string_of(&text), serde_json::to_string(&text).unwrap());
            prop_assert_eq!(string_len(&text), string_of(&text).len());
        }
    }

    #[test]
    fn every_byte_of_ascii_is_written_as_serde_json_writes_it_wherever_it_stands() {
        for byte in 0..=0x7f_u8 {
            for before in [0, 1, 31, 32, BLOCK - 1, BLOCK] {
                let text = format!("{}{}ñ", "x".repeat(before), char::from(byte));
                assert_eq!(string_of(&text), serde_json::to_string(&text).unwrap());
                assert_eq!(string_len(&text), string_of(&text).len());
            }
        }
    }
}
