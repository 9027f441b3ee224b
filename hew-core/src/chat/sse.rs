//! Server-sent events, by the HTML standard, from pieces that are cut anywhere.
//!
//! Lines end with CR, LF or both; a comment begins with a colon; the `data` lines of an event are joined by LF; an
//! event ends with an empty line; one that the stream breaks off in is none. Other fields say nothing here. At most
//! one line and one event are held, each of at most [`LONGEST_LINE`].

/// Longest line, and longest data of an event, in bytes.
pub const LONGEST_LINE: usize = 1 << 20;

/// What a stream holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SseItem {
    /// The data of an event; bytes that are no text are replaced.
    Data(String),
    /// A line or an event was too long and is left out.
    TooLong,
}

/// Finds events in a stream.
#[derive(Debug, Default)]
pub struct SseDecoder {
    /// The line so far; none where it is too long, and the rest of it is passed over.
    line: Held,
    /// The last byte was a CR, behind which an LF means nothing.
    after_cr: bool,
    has_begun: bool,
    /// The `data` lines of the event so far, joined.
    data: Held,
    found: Vec<SseItem>,
}

/// What is held of a line or an event.
#[derive(Debug, Default)]
enum Held {
    /// Nothing has come.
    #[default]
    Nothing,
    /// This much.
    Bytes(Vec<u8>),
    /// It is too long, and is passed over.
    TooLong,
}

impl Held {
    /// Makes it longer; `false` where it is too long now.
    fn lengthen(&mut self, between: &[u8], more: &[u8]) -> bool {
        match self {
            Self::TooLong => {}
            Self::Nothing if more.len() <= LONGEST_LINE => *self = Self::Bytes(more.to_owned()),
            Self::Bytes(bytes) if bytes.len() + between.len() + more.len() <= LONGEST_LINE => {
                bytes.extend_from_slice(between);
                bytes.extend_from_slice(more);
            }
            Self::Nothing | Self::Bytes(_) => {
                *self = Self::TooLong;
                return false;
            }
        }
        true
    }
}

impl SseDecoder {
    /// Takes the next piece of the stream; answers what is whole now, in order.
    pub fn push(&mut self, piece: &[u8]) -> Vec<SseItem> {
        let mut rest = piece;
        while !rest.is_empty() {
            if std::mem::take(&mut self.after_cr) && rest[0] == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let Some(at) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.lengthen(rest);
                break;
            };
            self.lengthen(&rest[..at]);
            self.end_line();
            self.after_cr = rest[at] == b'\r';
            rest = &rest[at + 1..];
        }
        std::mem::take(&mut self.found)
    }

    fn lengthen(&mut self, part: &[u8]) {
        if !self.line.lengthen(b"", part) {
            self.found.push(SseItem::TooLong);
        }
    }

    fn end_line(&mut self) {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let line = match std::mem::take(&mut self.line) {
            Held::Bytes(line) => line,
            Held::Nothing => Vec::new(),
            Held::TooLong => return,
        };
        let mark: &[u8] = if is_first { b"\xef\xbb\xbf" } else { b"" };
        let line = line.strip_prefix(mark).unwrap_or(&line);
        if line.is_empty() {
            self.end_event();
        } else if let Some(data) = data_of(line)
            && !self.data.lengthen(b"\n", data)
        {
            self.found.push(SseItem::TooLong);
        }
    }

    fn end_event(&mut self) {
        if let Held::Bytes(data) = std::mem::take(&mut self.data)
            && !data.is_empty()
        {
            self.found.push(SseItem::Data(String::from_utf8_lossy(&data).into_owned()));
        }
    }
}

/// The value of a `data` line, without the one space that may stand before it.
fn data_of(line: &[u8]) -> Option<&[u8]> {
    let value = match line.strip_prefix(b"data")? {
        [] => &[],
        [b':', value @ ..] => value,
        _ => return None,
    };
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn data(texts: &[&str]) -> Vec<SseItem> {
        texts.iter().map(|text| SseItem::Data((*text).to_owned())).collect()
    }

    fn decoded(stream: &[u8]) -> Vec<SseItem> {
        SseDecoder::default().push(stream)
    }

    #[test]
    fn events_are_found_by_the_standard() {
        for (stream, found) in [
            ("data: a\n\ndata: b\n\n", &["a", "b"][..]),
            ("data: a\r\n\r\ndata:b\r\rdata:  c\n\n", &["a", "b", " c"]),
            (": comment\n\n:\ndata: a\n: more\n\n", &["a"]),
            ("data: one\ndata\ndata: two\n\n", &["one\n\ntwo"]),
            ("event: x\nid: 7\nretry: 5\ndata: a\n\n", &["a"]),
            ("\u{feff}data: a\n\n", &["a"]),
            ("data: a\n\ndata: broken off\n", &["a"]),
            ("data\n\ndatabase: x\n\n\n\n", &[]),
            ("data: [DONE]\n\n", &["[DONE]"]),
        ] {
            assert_eq!(decoded(stream.as_bytes()), data(found), "{stream:?}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out_and_the_next_is_read() {
        let most = "x".repeat(LONGEST_LINE - "data: ".len());
        assert_eq!(decoded(format!("data: {most}\n\n").as_bytes()), data(&[&most]));
        let stream = format!("data: a\n\ndata: {most}yz\n\ndata: b\n\n");
        let expected = [data(&["a"]), vec![SseItem::TooLong], data(&["b"])].concat();
        assert_eq!(decoded(stream.as_bytes()), expected);
        let mut decoder = SseDecoder::default();
        let found: Vec<_> = stream.as_bytes().chunks(4096).flat_map(|piece| decoder.push(piece)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn an_event_of_many_lines_is_bounded_too() {
        let line = format!("data: {}\n", "x".repeat(1000));
        let stream = format!("{}\ndata: b\n\n", line.repeat(LONGEST_LINE / 1000 + 2));
        assert_eq!(decoded(stream.as_bytes()), [vec![SseItem::TooLong], data(&["b"])].concat());
    }

    #[test]
    fn every_place_to_cut_is_the_same() {
        let stream = "\u{feff}data: ä\r\ndata: b\r\n\r\n: c\rdata: d\r\r\ndata:€\n\n".as_bytes();
        let whole = decoded(stream);
        assert_eq!(whole, data(&["ä\nb", "d", "€"]));
        for at in 0..=stream.len() {
            let mut decoder = SseDecoder::default();
            let found = [decoder.push(&stream[..at]), decoder.push(&stream[at..])].concat();
            assert_eq!(found, whole, "cut at {at}");
        }
        let mut decoder = SseDecoder::default();
        let found: Vec<_> = stream.chunks(1).flat_map(|byte| decoder.push(byte)).collect();
        assert_eq!(found, whole, "every byte by itself");
    }

    proptest! {
        #[test]
        fn what_is_found_does_not_rest_on_where_it_is_cut(
            parts in prop::collection::vec(
                prop::sample::select(vec!["data: ", "data", ":", "x", "ä", "\n", "\r", "\r\n", " ", "\u{feff}", "event: e"]),
                0..60),
            sizes in prop::collection::vec(1_usize..9, 1..20),
        ) {
            let stream = parts.concat().into_bytes();
            let mut decoder = SseDecoder::default();
            let (mut found, mut rest, mut sizes) = (Vec::new(), &stream[..], sizes.into_iter().cycle());
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(sizes.next().unwrap().min(rest.len()));
                found.extend(decoder.push(piece));
                rest = after;
            }
            prop_assert_eq!(found, decoded(&stream));
        }

        #[test]
        fn texts_come_out_as_they_went_in(texts in prop::collection::vec("[^\r\n]{1,20}(\n[^\r\n]{1,20}){0,3}", 0..10)) {
            let event = |text: &String| format!("data: {}\n\n", text.replace('\n', "\ndata: "));
            let stream: String = texts.iter().map(event).collect();
            let found = decoded(stream.as_bytes());
            let wanted: Vec<_> = texts.into_iter().map(SseItem::Data).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
