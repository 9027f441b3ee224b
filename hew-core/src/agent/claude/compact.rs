//! Events in the form in which claude writes them: JSON without blanks between its parts, with the fields that most events
//! have.
//!
//! Invariant: where this reader answers, it answers what serde's reader does. Every other line is left to that one: it has
//! to read whatever is JSON, which takes far longer. Of what neither of them keeps this one passes over some that serde
//! refuses: half of a surrogate pair, a number that is too large.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::events::{Block, Event, Message, MessageCounts};

/// Deepest nesting of values that are passed over.
const DEEPEST: u8 = 32;
/// Digits of a number that is never too large.
const MOST_DIGITS: usize = 18;
/// Bytes of a string that are looked at in words: most strings are names.
const SHORT: usize = 24;

/// Reads the event of a line, if it is of this form; else `event` may hold a part of it.
pub(super) fn read<'a>(line: &'a str, event: &mut Event<'a>) -> Option<()> {
    // JSON has control characters between its parts only. The smallest byte is found many bytes at a time.
    if line.bytes().fold(u8::MAX, u8::min) < b' ' {
        return None;
    }
    let mut json = Reader { text: line, at: 0 };
    let mut seen = Seen::default();
    json.object(|json, key| {
        match key {
            "type" => event.kind = json.text(seen.first(0)?)?,
            "subtype" => event.subtype = json.text(seen.first(1)?)?,
            "session_id" => event.session_id = json.text(seen.first(2)?)?,
            "message" => event.message = json.message(seen.first(3)?)?,
            "parent_tool_use_id" => event.parent_tool_use_id = json.text(seen.first(4)?)?,
            "delta" => event.delta = json.flag(seen.first(5)?)?,
            "consolidated" => event.consolidated = json.flag(seen.first(6)?)?,
            "uuid" | "request_id" | "timestamp" | "tool_use_result" => json.pass(DEEPEST)?,
            _ => return None,
        }
        Some(())
    })?;
    (json.at == line.len()).then_some(())
}

/// Which fields an object has had: none may stand there twice.
#[derive(Default)]
struct Seen(u8);

/// A field that has not been there before.
struct First;

impl Seen {
    fn first(&mut self, number: u8) -> Option<First> {
        let bit = 1 << number;
        let is_first = self.0 & bit == 0;
        self.0 |= bit;
        is_first.then_some(First)
    }
}

/// Reads a text of JSON from its beginning. What each of its methods reads has to begin where the last one ended; none
/// answers where it does not, or where only serde knows what it is.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// What was read; none where only serde knows what it is.
type Read<T> = Option<T>;

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Calls `each` with the name of each field, whose value it has to read.
    fn object(&mut self, mut each: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        if self.take(b'}').is_some() {
            return Some(());
        }
        loop {
            let (key, has_escape) = self.string()?;
            self.take(b':')?;
            each(self, key).filter(|()| !has_escape)?;
            if self.take(b',').is_none() {
                return self.take(b'}');
            }
        }
    }

    /// Calls `each` for each entry, which it has to read.
    fn list(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(b'[')?;
        if self.take(b']').is_some() {
            return Some(());
        }
        loop {
            each(self)?;
            if self.take(b',').is_none() {
                return self.take(b']');
            }
        }
    }

    /// What stands between the quotes, and whether there are escapes in it.
    #[expect(clippy::inline_always, reason = "most of a line are strings: a fifth of the time to read it")]
    #[inline(always)]
    fn string(&mut self) -> Option<(&'a str, bool)> {
        self.take(b'"')?;
        let (start, bytes) = (self.at, self.text.as_bytes());
        let mut has_escape = false;
        loop {
            let rest = &bytes[self.at..];
            let near = rest.get(..SHORT).and_then(near_mark);
            let far = || memchr::memchr2(b'"', b'\\', rest);
            self.at += near.or_else(far)?;
            if bytes[self.at] == b'"' {
                self.at += 1;
                return Some((&self.text[start..self.at - 1], has_escape));
            }
            has_escape = true;
            self.at += escape_len(&bytes[self.at + 1..])? + 1;
        }
    }

    /// A text, or nothing where there is another value.
    fn text(&mut self, _: First) -> Read<Option<Cow<'a, str>>> {
        if self.peek() != Some(b'"') {
            return self.pass(DEEPEST).map(|()| None);
        }
        let start = self.at;
        match self.string()? {
            (plain, false) => Some(Some(Cow::Borrowed(plain))),
            _ => serde_json::from_str(&self.text[start..self.at]).ok().map(|text| Some(Cow::Owned(text))),
        }
    }

    /// A flag, or nothing where there is another value.
    fn flag(&mut self, _: First) -> Read<Option<bool>> {
        Some(match self.raw()? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        })
    }

    /// A count, or nothing where there is another value.
    fn count(&mut self, _: First) -> Read<Option<u64>> {
        if let Some(count) = self.short_count() {
            return Some(Some(count));
        }
        // A text of digits is none, and has quotes.
        self.raw().map(|raw| raw.parse().ok())
    }

    /// A count of so few digits that it can't be too large, which most counts are; else nothing is taken.
    fn short_count(&mut self) -> Option<u64> {
        let rest = &self.text.as_bytes()[self.at..];
        let (mut count, mut len) = (0, 0);
        while let Some(byte @ b'0'..=b'9') = rest.get(len).filter(|_| len < MOST_DIGITS) {
            count = 10 * count + u64::from(byte - b'0');
            len += 1;
        }
        let is_count = len == 1 || len > 1 && rest[0] != b'0';
        (is_count && matches!(rest.get(len), Some(b',' | b'}'))).then(|| {
            self.at += len;
            count
        })
    }

    /// Passes over a value; answers how it is written.
    fn raw(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.pass(DEEPEST)?;
        Some(&self.text[start..self.at])
    }

    fn pass(&mut self, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => self.object(|json, _| json.pass(depth)),
            b'[' => self.list(|json| json.pass(depth)),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    fn number(&mut self) -> Option<()> {
        // A minus may be missing, as fraction and exponent may.
        let _ = self.take(b'-');
        if self.take(b'0').is_none() {
            self.digits()?;
        }
        if self.take(b'.').is_some() {
            self.digits()?;
        }
        if self.take(b'e').or_else(|| self.take(b'E')).is_some() {
            let _ = self.take(b'+').or_else(|| self.take(b'-'));
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let count = self.text.as_bytes()[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(())
    }

    /// A message, or nothing where there is another value.
    fn message(&mut self, _: First) -> Read<Option<Message<'a>>> {
        if self.peek() != Some(b'{') {
            return self.pass(DEEPEST).map(|()| None);
        }
        let (mut id, mut model, mut content, mut usage) = (None, None, Vec::new(), None);
        let mut seen = Seen::default();
        self.object(|json, key| {
            match key {
                "id" => id = json.text(seen.first(0)?)?,
                "model" => model = json.text(seen.first(1)?)?,
                "content" => content = json.content(seen.first(2)?)?,
                "usage" => usage = json.usage(seen.first(3)?)?,
                _ => json.pass(DEEPEST)?,
            }
            Some(())
        })?;
        Some(Some(Message { id, model, content, usage }))
    }

    /// The objects of a list, or none where there is another value.
    fn content(&mut self, _: First) -> Option<Vec<Block<'a>>> {
        let mut blocks = Vec::new();
        if self.peek() != Some(b'[') {
            return self.pass(DEEPEST).map(|()| blocks);
        }
        self.list(|json| match json.peek()? {
            b'{' => json.block().map(|block| blocks.push(block)),
            _ => json.pass(DEEPEST),
        })?;
        Some(blocks)
    }

    fn block(&mut self) -> Option<Block<'a>> {
        let (mut kind, mut text, mut id, mut name) = (None, None, None, None);
        let (mut input, mut tool_use_id, mut is_error) = (None, None, None);
        let mut seen = Seen::default();
        self.object(|json, key| {
            match key {
                "type" => kind = json.text(seen.first(0)?)?,
                "text" => text = json.text(seen.first(1)?)?,
                "id" => id = json.text(seen.first(2)?)?,
                "name" => name = json.text(seen.first(3)?)?,
                "input" => input = json.input(seen.first(4)?)?,
                "tool_use_id" => tool_use_id = json.text(seen.first(5)?)?,
                "is_error" => is_error = json.flag(seen.first(6)?)?,
                _ => json.pass(DEEPEST)?,
            }
            Some(())
        })?;
        Some(Block { kind, text, id, name, input, tool_use_id, is_error })
    }

    fn input(&mut self, _: First) -> Read<Option<&'a RawValue>> {
        serde_json::from_str(self.raw()?).ok()
    }

    /// Counts, or nothing where there is another value.
    fn usage(&mut self, _: First) -> Read<Option<MessageCounts>> {
        if self.peek() != Some(b'{') {
            return self.pass(DEEPEST).map(|()| None);
        }
        let (mut input, mut output, mut cache_read, mut cache_create) = (None, None, None, None);
        let mut seen = Seen::default();
        self.object(|json, key| {
            match key {
                "input_tokens" => input = json.count(seen.first(0)?)?,
                "output_tokens" => output = json.count(seen.first(1)?)?,
                "cache_read_input_tokens" => cache_read = json.count(seen.first(2)?)?,
                "cache_creation_input_tokens" => cache_create = json.count(seen.first(3)?)?,
                _ => json.pass(DEEPEST)?,
            }
            Some(())
        })?;
        Some(Some(MessageCounts { input, output, cache_read, cache_create }))
    }
}

/// Where in so few bytes a string ends or has an escape, eight bytes at a time.
fn near_mark(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    // Which bytes are equal is told by their highest bits; those behind the first equal one may be told wrongly.
    let equal = |word: u64, byte: u8| {
        let zeros = word ^ (ONES * u64::from(byte));
        zeros.wrapping_sub(ONES) & !zeros & HIGHS
    };
    let (words, _) = bytes.as_chunks();
    words.iter().enumerate().find_map(|(number, word)| {
        let word = u64::from_le_bytes(*word);
        let found = equal(word, b'"') | equal(word, b'\\');
        (found != 0).then(|| 8 * number + found.trailing_zeros() as usize / 8)
    })
}

/// The length of an escape, given what stands behind its backslash.
fn escape_len(behind: &[u8]) -> Option<usize> {
    match behind.first()? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(1),
        b'u' => behind.get(1..5)?.iter().all(u8::is_ascii_hexdigit).then_some(5),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// Both readers' answers, of which this one's may be none.
    fn read(line: &str) -> (Option<String>, Option<String>) {
        let by_serde = serde_json::from_str::<Event<'_>>(line).ok();
        let mut event = Event::default();
        let compact = super::read(line, &mut event).map(|()| format!("{event:?}"));
        (compact, by_serde.map(|event| format!("{event:?}")))
    }

    #[test]
    fn an_event_as_claude_writes_it_is_read_as_serde_reads_it() {
        for line in [
            r#"{"type":"assistant","message":{"model":"m","id":"msg_1","type":"message","role":"assistant","content":[{"type":"text","text":"I look at \"it\".\nThen é \ud83d\ude00."}],"stop_reason":null,"usage":{"input_tokens":3,"cache_creation":{"ephemeral_5m_input_tokens":0},"cache_read_input_tokens":12000,"output_tokens":-1.5e3}},"parent_tool_use_id":null,"session_id":"s","uuid":"u"}"#,
            r#"{"type":"assistant","message":{"content":[{"type":"tool_use","id":"t","name":"Bash","input":{"command":"ls \"x\""}},"odd"]},"session_id":"s"}"#,
            r#"{"type":"user","message":{"role":"user","content":[{"tool_use_id":"t","type":"tool_result","content":"a\tb","is_error":true}]},"tool_use_result":{"stdout":"","list":[1,-0.5,[],{}]},"delta":true}"#,
            r#"{"type":"user","message":"odd","session_id":7}"#,
            r#"{"message":{"usage":{"input_tokens":0,"output_tokens":999999999999999999,"cache_read_input_tokens":18446744073709551615,"cache_creation_input_tokens":18446744073709551616}}}"#,
            r#"{"message":{"usage":{"input_tokens":-0,"output_tokens":1.5,"cache_read_input_tokens":"7","cache_creation_input_tokens":1e3}}}"#,
            "{}",
        ] {
            let (compact, by_serde) = read(line);
            assert!(compact.is_some(), "{line}");
            assert_eq!(compact, by_serde, "{line}");
        }
    }

    #[test]
    fn what_is_not_of_the_form_is_left_to_serde() {
        for line in [
            r#"{"type":"result","result":"done"}"#,
            r#"{"type": "user"}"#,
            r#"{"type":"user","type":"user"}"#,
            r#"{"type":"user","uuid":"\x"}"#,
            r#"{"type":"user","uuid":"\ud8"}"#,
            r#"{"type":"\ud800"}"#,
            r#"{"t\u0079pe":"user"}"#,
            r#"{"type":"user","uuid":01}"#,
            r#"{"message":{"usage":{"input_tokens":01}}}"#,
            r#"{"message":{"usage":{"input_tokens":00}}}"#,
            r#"{"message":{"usage":{"input_tokens":1.}}}"#,
            r#"{"message":{"usage":{"input_tokens":5]}}"#,
            r#"{"message":{"usage":{"input_tokens":5"#,
            r#"{"message":{"usage":{"input_tokens":"#,
            r#"{"type":"user","uuid":1.}"#,
            r#"{"type":"user","uuid":nul}"#,
            r#"{"type":"user",}"#,
            r#"{"type":"user"}}"#,
            r#"{"type":"user"} "#,
            "{\"type\":\"us\ter\"}",
            r#"{"type":"user"#,
            r#"{"type"#,
            "[]",
            "",
        ] {
            assert_eq!(read(line).0, None, "{line}");
        }
        let deep = format!(r#"{{"uuid":{}{}}}"#, "[".repeat(500), "]".repeat(500));
        assert_eq!(read(&deep).0, None);
    }

    const NAMES: &[&str] = &[
        "type",
        "subtype",
        "session_id",
        "message",
        "parent_tool_use_id",
        "delta",
        "uuid",
        "id",
        "model",
        "content",
        "usage",
        "text",
        "name",
        "input",
        "tool_use_id",
        "is_error",
        "input_tokens",
        "output_tokens",
        "error",
        "x",
    ];

    fn key() -> impl Strategy<Value = String> {
        proptest::sample::select(NAMES).prop_map(str::to_owned)
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(Value::from),
            "[a-zñ\"\\\\\n😀]{0,40}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec((key(), inner), 0..7)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_it_answers_is_what_serde_answers(
            fields in proptest::collection::vec((key(), value()), 0..7),
            cut in 0_usize..400,
            odd in any::<Option<(usize, char)>>(),
        ) {
            let line = Value::Object(fields.into_iter().collect()).to_string();
            let mut torn: Vec<char> = line.chars().collect();
            if let Some((at, odd)) = odd.filter(|_| !torn.is_empty()) {
                let at = at % torn.len();
                torn[at] = odd;
            }
            let torn: String = torn.into_iter().collect();
            let short: String = line.chars().take(cut).collect();
            for line in [line, torn, short] {
                let (compact, by_serde) = read(&line);
                prop_assert!(compact.is_none() || compact == by_serde, "{}", line);
            }
        }
    }
}
