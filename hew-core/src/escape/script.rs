//! A shell's command line in its parts: enough to see which program was given which paths, and where output went.

/// One command of a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Part {
    /// Its words, quotes taken off.
    pub(super) words: Vec<String>,
    /// Files that its output goes to.
    pub(super) outputs: Vec<String>,
}

/// Reads a line, or a whole script. Bodies of here-documents are left out.
pub(super) fn parts(script: &str) -> Vec<Part> {
    let mut reader = Reader { rest: script.chars().collect(), at: 0, ..Reader::default() };
    reader.read();
    reader.parts
}

#[derive(Default)]
struct Reader {
    rest: Vec<char>,
    at: usize,
    parts: Vec<Part>,
    part: Part,
    word: Option<String>,
    /// The next word is where output goes.
    is_output: bool,
    /// The next word is what is read, or a here-document's mark.
    is_input: bool,
    /// The next word is a here-document's mark.
    is_mark: bool,
    marks: Vec<String>,
}

impl Reader {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.get(self.at).copied();
        self.at += 1;
        c
    }

    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn read(&mut self) {
        while let Some(c) = self.next() {
            match c {
                '\'' => self.quoted('\''),
                '"' => self.quoted('"'),
                '\\' => {
                    if let Some(escaped) = self.next().filter(|c| *c != '\n') {
                        self.push(escaped);
                    }
                }
                '\n' => {
                    self.end_part();
                    self.skip_documents();
                }
                '>' => self.output(),
                '<' => self.input(),
                '&' if self.peek() == Some('>') => self.end_word(),
                ';' | '|' | '&' | '(' | ')' | '`' => self.end_part(),
                '#' if self.word.is_none() => self.skip_line(),
                c if c.is_whitespace() => self.end_word(),
                c => self.push(c),
            }
        }
        self.end_part();
    }

    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn quoted(&mut self, quote: char) {
        self.word.get_or_insert_default();
        while let Some(c) = self.next() {
            match c {
                c if c == quote => return,
                '\\' if quote == '"' => {
                    if let Some(escaped) = self.next() {
                        if !matches!(escaped, '"' | '\\' | '$' | '`' | '\n') {
                            self.push('\\');
                        }
                        self.push(escaped);
                    }
                }
                c => self.push(c),
            }
        }
    }

    fn output(&mut self) {
        // A number before it says which stream.
        if self.word.as_ref().is_some_and(|word| word.chars().all(|c| c.is_ascii_digit())) {
            self.word = None;
        }
        self.end_word();
        while matches!(self.peek(), Some('>' | '|')) {
            self.at += 1;
        }
        if self.peek() == Some('&') {
            // Another stream, not a file.
            self.at += 1;
            while self.peek().is_some_and(|c| c.is_ascii_digit() || c == '-') {
                self.at += 1;
            }
            return;
        }
        self.is_output = true;
    }

    fn input(&mut self) {
        self.end_word();
        let is_document = self.peek() == Some('<');
        while matches!(self.peek(), Some('<' | '-')) {
            self.at += 1;
        }
        self.is_input = true;
        self.is_mark = is_document;
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        if std::mem::take(&mut self.is_output) {
            self.part.outputs.push(word);
        } else if std::mem::take(&mut self.is_input) {
            if std::mem::take(&mut self.is_mark) {
                self.marks.push(word);
            }
        } else {
            self.part.words.push(word);
        }
    }

    fn end_part(&mut self) {
        self.end_word();
        (self.is_output, self.is_input, self.is_mark) = (false, false, false);
        let part = std::mem::take(&mut self.part);
        if part != Part::default() {
            self.parts.push(part);
        }
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|c| c != '\n') {
            self.at += 1;
        }
    }

    fn skip_documents(&mut self) {
        for mark in std::mem::take(&mut self.marks) {
            loop {
                let start = self.at;
                self.skip_line();
                let line: String =
                    self.rest[start.min(self.rest.len())..self.at.min(self.rest.len())].iter().collect();
                let is_over = self.at >= self.rest.len();
                self.at += 1;
                if is_over || line.trim() == mark {
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(script: &str) -> Vec<(Vec<String>, Vec<String>)> {
        parts(script).into_iter().map(|part| (part.words, part.outputs)).collect()
    }

    fn part(words: &[&str], outputs: &[&str]) -> (Vec<String>, Vec<String>) {
        let all = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
        (all(words), all(outputs))
    }

    #[test]
    fn commands_words_and_outputs_are_told_apart() {
        assert_eq!(
            read("cd /p && echo 'a b' > x.txt; cat y | tee -a \"z 1\" 2>&1 2>err &"),
            [
                part(&["cd", "/p"], &[]),
                part(&["echo", "a b"], &["x.txt"]),
                part(&["cat", "y"], &[]),
                part(&["tee", "-a", "z 1"], &["err"]),
            ]
        );
        assert_eq!(read("x >> /p/a<in # note > b\ny"), [part(&["x"], &["/p/a"]), part(&["y"], &[])]);
        assert_eq!(read("a\\ b &> log"), [part(&["a b"], &["log"])]);
    }

    #[test]
    fn a_here_document_is_no_command() {
        assert_eq!(
            read("cat <<'END' > /p/a\nrm -rf /p\nEND\nls"),
            [part(&["cat"], &["/p/a"]), part(&["ls"], &[])]
        );
        assert_eq!(read("cat <<END\nrm -rf /p"), [part(&["cat"], &[])]);
    }

    #[test]
    fn nothing_makes_it_panic() {
        for text in ["", "'", "\"\\", "\\", ">", "<<", "<<X\n", "(((", "a>", "2>&", "\u{e9}'\u{e9}"] {
            parts(text);
        }
    }
}
