//! The beginning and the end of a text, by bytes.

/// As much of a text as fits into so many bytes, cut between two characters.
pub fn beginning(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
    &text[..end.unwrap_or(0)]
}

/// As much of a text's end as fits into so many bytes, cut between two characters.
pub fn ending(text: &str, bytes: usize) -> &str {
    let start = (text.len().saturating_sub(bytes)..=text.len()).find(|&at| text.is_char_boundary(at));
    &text[start.unwrap_or(0)..]
}

/// The same as [`beginning`] with a sign that something is missing, which has its place within the bytes.
pub fn shortened(text: &str, bytes: usize) -> String {
    const SIGN: &str = "…";
    if text.len() <= bytes {
        return text.to_owned();
    }
    format!("{}{SIGN}", beginning(text, bytes.saturating_sub(SIGN.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_is_cut_in_two() {
        assert_eq!((beginning("aä", 2), beginning("aä", 3), beginning("aä", 9)), ("a", "aä", "aä"));
        assert_eq!((ending("äb", 2), ending("äb", 3), ending("äb", 9)), ("b", "äb", "äb"));
        assert_eq!((shortened("äääää", 10).as_str(), shortened("äääää", 9).as_str()), ("äääää", "äää…"));
    }
}
