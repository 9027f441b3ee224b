//! Names of failed tests, read from what test programs print: cargo test and nextest, pytest and unittest, go test,
//! Node's own runner, TAP, jest, vitest, mocha.
//!
//! Only lines of exactly the forms that those programs print for one failed test count, never a line that merely holds the
//! word; what is not recognised gives no name. The text is an agent's work: names are bounded and shown without control
//! characters.

use std::collections::BTreeSet;

/// Most names that are kept.
pub const MOST: usize = 3;

/// Longest name, in characters.
const LONGEST: usize = 200;

/// The first names of failed tests in this output, at most [`MOST`].
pub fn failed_tests(output: &str) -> Vec<String> {
    let plain = without_escapes(output);
    let lines: Vec<&str> = plain.lines().map(|line| line.trim_end_matches('\r')).collect();
    let mut seen = BTreeSet::new();
    let mut names: Vec<String> = Vec::new();
    let mut of_mocha = false;
    for (at, line) in lines.iter().enumerate() {
        of_mocha |= begins_mochas_list(line);
        let numbered = || of_mocha.then(|| mocha(line, &lines[at + 1..])).flatten();
        let Some(name) = name_in(line).or_else(numbered) else { continue };
        let name = bounded(&name);
        // Where a test is named again with what it is a part of, the longer name says more.
        names.retain(|known| !says_more(&name, known));
        if names.len() < MOST && !name.is_empty() && seen.insert(name.clone()) {
            names.push(name);
        }
    }
    names
}

/// Go names a test before the parts of it that failed; jest a test's own name before that with its suite's.
fn says_more(name: &str, known: &str) -> bool {
    let is_part =
        known.starts_with("Test") && name.strip_prefix(known).is_some_and(|rest| rest.starts_with('/'));
    is_part || name.strip_suffix(known).is_some_and(|suite| suite.ends_with(" › "))
}

fn bounded(name: &str) -> String {
    let visible = name.trim().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    visible.take(LONGEST).collect()
}

/// The failed test that a line names.
fn name_in(line: &str) -> Option<String> {
    let text = line.trim_start();
    rust(text)
        .or_else(|| python(text))
        .or_else(|| go(text))
        .or_else(|| tap(text))
        .or_else(|| node(text))
        .or_else(|| vitest(text))
}

/// `test a::b ... FAILED`, and of nextest `FAIL [   0.005s] (1/2) crate a::b`.
fn rust(text: &str) -> Option<String> {
    if let Some(name) = text.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
        return Some(name.strip_suffix(" - should panic").unwrap_or(name).to_owned());
    }
    let rest = text.strip_prefix("FAIL [")?;
    let (time, rest) = rest.split_once("s] ")?;
    time.trim().parse::<f64>().ok()?;
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('(').and_then(|rest| rest.split_once(") ")) {
        Some((_, rest)) => rest.trim_start(),
        None => rest,
    };
    Some(rest.to_owned())
}

/// `FAILED a.py::b - why`, `a.py::b FAILED [ 50%]`, and of unittest `FAIL: b (a.C.b)`.
fn python(text: &str) -> Option<String> {
    let words = |rest: &str| rest.split_once(" - ").map_or(rest, |(name, _)| name).trim().to_owned();
    let of_pytest = |rest: &str| rest.contains("::").then(|| words(rest));
    if let Some(name) = ["FAILED ", "ERROR "].iter().find_map(|word| of_pytest(text.strip_prefix(word)?)) {
        return Some(name);
    }
    if let Some((name, rest)) = text.split_once(" FAILED")
        && name.contains("::")
        && !name.contains(": ")
        && (rest.is_empty() || rest.trim_start().starts_with('['))
    {
        return Some(name.to_owned());
    }
    let rest = ["FAIL: ", "ERROR: "].iter().find_map(|word| text.strip_prefix(word))?;
    let (_, class) = rest.split_once(" (")?;
    let dotted = class.strip_suffix(')')?;
    let is_dotted = dotted.contains('.') && !dotted.contains(char::is_whitespace);
    is_dotted.then(|| rest.to_owned())
}

/// `--- FAIL: TestA/b (0.00s)`.
fn go(text: &str) -> Option<String> {
    let (name, time) = text.strip_prefix("--- FAIL: ")?.rsplit_once(" (")?;
    time.strip_suffix("s)")?.parse::<f64>().ok()?;
    Some(name.to_owned())
}

/// `not ok 3 - name`; what is skipped or still to be done has not failed.
fn tap(text: &str) -> Option<String> {
    let (number, name) = text.strip_prefix("not ok ")?.split_once(" - ")?;
    number.parse::<u64>().ok()?;
    let directive = name.rsplit_once(" # ").map(|(_, word)| word.to_ascii_uppercase()).unwrap_or_default();
    let is_excused = directive.starts_with("TODO") || directive.starts_with("SKIP");
    (!is_excused).then(|| name.to_owned())
}

/// `✖ name (0.5ms)` of Node's own runner, `✕ name (5 ms)` and `● suite › name` of jest.
fn node(text: &str) -> Option<String> {
    if let Some(name) = text.strip_prefix("● ") {
        return name.contains(" › ").then(|| name.to_owned());
    }
    let name = ["✖ ", "✕ "].iter().find_map(|mark| text.strip_prefix(mark))?;
    let (name, time) = name.rsplit_once(" (")?;
    let time = time.strip_suffix("ms)").or_else(|| time.strip_suffix("s)"))?;
    time.trim().parse::<f64>().ok()?;
    Some(name.to_owned())
}

/// `FAIL  src/a.test.ts > suite > name`.
fn vitest(text: &str) -> Option<String> {
    let rest = text.strip_prefix("FAIL ")?.trim_start();
    rest.contains(" > ").then(|| rest.to_owned())
}

/// `  2 failing`: from here on mocha numbers what failed.
fn begins_mochas_list(line: &str) -> bool {
    let count = line.strip_prefix("  ").and_then(|text| text.strip_suffix(" failing"));
    count.is_some_and(|count| count.parse::<u32>().is_ok())
}

/// `  1) suite` with the name below it and further in, ended by a colon.
fn mocha(line: &str, after: &[&str]) -> Option<String> {
    let depth = line.len() - line.trim_start().len();
    let (number, suite) = line.trim_start().split_once(") ")?;
    number.parse::<u32>().ok()?;
    let mut name = suite.to_owned();
    for next in after.iter().take(8) {
        let text = next.trim();
        if text.is_empty() || next.len() - next.trim_start().len() <= depth {
            return None;
        }
        name.push(' ');
        name.push_str(text.strip_suffix(':').unwrap_or(text));
        if text.ends_with(':') {
            return Some(name);
        }
    }
    None
}

/// The text without colours and movements of the cursor.
fn without_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            out.push(c);
            continue;
        }
        if chars.next_if_eq(&'[').is_some() {
            while chars.next_if(|c| !matches!(c, '@'..='~') && *c != '\n').is_some() {}
            chars.next_if(|c| matches!(c, '@'..='~'));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_runners_words_for_a_failed_test_are_read() {
        let cases: [(&str, &str, &[&str]); 11] = [
            (
                "cargo",
                "running 3 tests\ntest a::one ... ok\ntest a::two ... FAILED\ntest c - should panic ... FAILED\n\n\
                 failures:\n\n---- a::two stdout ----\nthe test said no\n\nfailures:\n    a::two\n    c\n\n\
                 test result: FAILED. 1 passed; 2 failed; 0 ignored\nerror: test failed, to rerun pass `--lib`\n",
                &["a::two", "c"],
            ),
            (
                "cargo, documentation",
                "test src/lib.rs - add (line 3) ... FAILED\n",
                &["src/lib.rs - add (line 3)"],
            ),
            (
                "nextest",
                "    PASS [   0.003s] (1/2) demo one\n    FAIL [   0.005s] (2/2) demo tests::two\n  Cancelling due to test failure\n",
                &["demo tests::two"],
            ),
            (
                "pytest",
                "tests/test_a.py::test_x FAILED                [ 50%]\ntests/test_a.py::test_y PASSED [100%]\n\
                 === short test summary info ===\nFAILED tests/test_a.py::test_x - assert 1 == 2\n\
                 FAILED tests/test_a.py::TestC::test_z[a b] - x\nERROR tests/test_b.py::test_w - fixture\n1 failed\n",
                &[
                    "tests/test_a.py::test_x",
                    "tests/test_a.py::TestC::test_z[a b]",
                    "tests/test_b.py::test_w",
                ],
            ),
            (
                "unittest",
                "FAIL: test_x (test_mod.Case.test_x)\nERROR: test_y (test_mod.Case)\nFAILED (failures=1, errors=1)\n",
                &["test_x (test_mod.Case.test_x)", "test_y (test_mod.Case)"],
            ),
            (
                "go",
                "=== RUN   TestA\n--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/empty_input (0.00s)\n        a_test.go:5: bad test\n\
                 --- FAIL: TestB (1.20s)\nFAIL\nFAIL\texample.com/a\t0.002s\n",
                &["TestA/empty_input", "TestB"],
            ),
            (
                "node",
                "✔ fine (0.3ms)\n▶ sums\n  ✖ adds up (1.5ms)\n▶ sums (2ms)\nℹ fail 1\n\n✖ failing tests:\n\n\
                 test at a.test.js:3:1\n✖ adds up (1.5ms)\n  AssertionError: the test failed\n",
                &["adds up"],
            ),
            (
                "tap",
                "ok 1 - fine\nnot ok 2 - breaks\n    not ok 1 - inner\nnot ok 3 - later # TODO soon\nnot ok 4 - off # SKIP\n",
                &["breaks", "inner"],
            ),
            (
                "jest",
                "FAIL src/a.test.js\n  sums\n    ✓ fine (2 ms)\n    \u{1b}[31m✕\u{1b}[39m adds up (5 ms)\n\n  ● sums › adds up\n\n\
                 \u{20}   expect(received)\n\n  ● Console\n\nTests: 1 failed, 1 passed\n",
                &["sums › adds up"],
            ),
            (
                "mocha",
                "  sums\n    1) adds up\n\n  1 passing\n  1 failing\n\n  1) sums\n       adds up:\n     AssertionError: no\n",
                &["sums adds up"],
            ),
            ("vitest", " FAIL  src/a.test.ts > sums > adds up\n", &["src/a.test.ts > sums > adds up"]),
        ];
        for (runner, output, names) in cases {
            assert_eq!(failed_tests(output), names, "{runner}");
        }
    }

    #[test]
    fn lines_that_only_speak_of_tests_name_none() {
        let output = "testing...\nthe test failed\nTest suite failed\nFAILED\nFAIL\nFAILED tests\nERROR in test\n\
             error: test failed, to rerun pass `-p x --test y`\ntest result: FAILED. 0 passed\nFAIL: two tests\n\
             ok 1 - test\nnot ok\n1) first, run the tests\n✖ failing tests:\n● Test suite failed to run\n\
             test that it FAILED\nsome test ... FAILED\nmake: *** [Makefile:2: test] Error 1\n";
        assert_eq!(failed_tests(output), [""; 0]);
    }

    #[test]
    fn a_few_names_are_kept_bounded_and_harmless() {
        let many = (0..9).map(|n| format!("test t{n} ... FAILED")).collect::<Vec<_>>().join("\n");
        assert_eq!(failed_tests(&many), ["t0", "t1", "t2"]);
        let odd = format!("test a\u{7}b\u{1b}[31m{} ... FAILED\r\n", "x".repeat(500));
        let names = failed_tests(&odd);
        assert!(names[0].starts_with("a\u{fffd}bxx") && names[0].chars().count() == LONGEST, "{names:?}");
        for torn in ["\u{1b}", "\u{1b}[", "\u{1b}[31", "  1) a\n", "--- FAIL: ", "not ok 1 - ", ""] {
            assert_eq!(failed_tests(torn), [""; 0], "{torn:?}");
        }
    }
}
