//! Text as a JSON string, at the speed of memory: agents print gigabytes, and most of what they print needs no escape.

/// Bytes that are looked at together.
const BLOCK: usize = 32;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `text` as a JSON string, quotes included, in the same form as `serde_json` writes it.
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let plain = plain_len(rest);
        out.extend_from_slice(&rest[..plain]);
        let Some(odd) = rest.get(plain) else { break };
        push_escaped(out, *odd);
        rest = &rest[plain + 1..];
    }
    out.push(b'"');
}

/// Length of what stands before the first byte that has to be escaped.
fn plain_len(bytes: &[u8]) -> usize {
    // Without an exit inside a block, its bytes are compared side by side.
    let is_plain = |block: &&[u8]| !block.iter().fold(false, |odd, byte| odd | is_odd(*byte));
    let start = BLOCK * bytes.chunks_exact(BLOCK).take_while(is_plain).count();
    start + bytes[start..].iter().take_while(|byte| !is_odd(**byte)).count()
}

fn is_odd(byte: u8) -> bool {
    matches!(byte, ..0x20 | b'"' | b'\\')
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
            parts in proptest::collection::vec(prop_oneof![".{0,5}", "[a-z ñ]{0,70}", "[\u{0}-\u{7f}]{0,40}"], 0..6),
        ) {
            let text = parts.concat();
            prop_assert_eq!(string_of(&text), serde_json::to_string(&text).unwrap());
        }
    }

    #[test]
    fn every_byte_of_ascii_is_written_as_serde_json_writes_it_wherever_it_stands() {
        for byte in 0..=0x7f_u8 {
            for before in [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 3] {
                let text = format!("{}{}ñ", "x".repeat(before), char::from(byte));
                assert_eq!(string_of(&text), serde_json::to_string(&text).unwrap());
            }
        }
    }
}
