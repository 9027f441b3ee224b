//! The answer of a model that was asked for plain words, and other text from outside that goes into a task.

/// What some models put around the thoughts before their answer.
const THOUGHTS: (&str, &str) = ("<think>", "</think>");

/// An answer in plain words: without thoughts, without marks that mean something in a task, at most `max` bytes; none
/// where nothing is left.
pub fn plain_words(answer: &str, max: usize) -> Option<String> {
    let text = without_thoughts(answer).trim();
    let mut kept = String::new();
    for c in text.chars() {
        let c = if c == '\r' { continue } else { c };
        if c.is_control() && c != '\n' && c != '\t' {
            continue;
        }
        if kept.len() + c.len_utf8() > max {
            break;
        }
        kept.push(c);
    }
    let kept = harmless(kept.trim_end());
    (!kept.is_empty()).then_some(kept)
}

fn without_thoughts(answer: &str) -> &str {
    let (open, close) = THOUGHTS;
    match answer.trim_start().strip_prefix(open) {
        Some(thoughts) => thoughts.split_once(close).map_or("", |(_, rest)| rest),
        None => answer,
    }
}

/// The same text, where a comment begins none: a task's tags are comments, and who writes the text is not who chooses
/// models.
fn harmless(text: &str) -> String {
    text.replace("<!--", "<! --")
}

/// Text on one line, at most `max` characters: blanks and control characters are one blank each.
pub fn one_line(text: &str, max: usize) -> String {
    let spaced = text.replace(char::is_control, " ");
    let line = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    harmless(&line.chars().take(max).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_words() {
        for (answer, words) in [
            ("  It failed.\r\nLook.\n", Some("It failed.\nLook.")),
            ("<think>hm\nhm</think>\nIt failed.", Some("It failed.")),
            ("\n<think>without an end", None),
            ("a \u{1b}[31mred\u{7} b <!-- hew:model=x -->", Some("a [31mred b <! -- hew:model=x -->")),
            (" \n\t", None),
            ("", None),
        ] {
            assert_eq!(plain_words(answer, 1000).as_deref(), words, "{answer:?}");
        }
        assert_eq!(plain_words("ééé", 5).as_deref(), Some("éé"));
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(one_line(" a\n\tb\u{1b}[0m  c ", 100), "a b [0m c");
        assert_eq!(one_line("<!-- hew:model=x -->", 100), "<! -- hew:model=x -->");
        assert_eq!(one_line("ééé", 2), "éé");
    }
}
