//! One key changes, and nothing else.

use hew_core::settings::Origin;
use hew_core::settings::layers::read_key;
use proptest::strategy::Strategy as _;

use super::*;

fn set(text: &str, key: &str, value: &str) -> String {
    let value = read_key(key, value, &Origin::BuiltIn).unwrap();
    with_value(text, key, &value).unwrap()
}

fn unset(text: &str, key: &str) -> String {
    without_key(text, key).unwrap().0
}

#[test]
fn a_key_is_set_and_everything_else_stays() {
    for (before, key, value, after) in [
        ("", "loop.jobs", "3", "[loop]\njobs = 3\n"),
        ("# top\n", "loop.gate.timeout", "5m", "# top\n\n[loop.gate]\ntimeout = \"5m\"\n"),
        (
            "[loop]\n# why\njobs = 2 # few\nmerge = 'task'\n",
            "loop.jobs",
            "3",
            "[loop]\n# why\njobs = 3 # few\nmerge = 'task'\n",
        ),
        (
            "[loop]\njobs = 2\n\n# own\n[tracker]\nkind = 'auto'\n",
            "loop.deliver",
            "false",
            "[loop]\njobs = 2\ndeliver = false\n\n# own\n[tracker]\nkind = 'auto'\n",
        ),
        ("loop.jobs = 2\n", "loop.gate.command", "make", "loop.jobs = 2\nloop.gate.command = \"make\"\n"),
        ("loop = { jobs = 2 }\n", "loop.jobs", "3", "loop = { jobs = 3 }\n"),
        (
            "[loop]\njobs = 2\n",
            "loop.collect.max_bytes",
            "17",
            "[loop]\njobs = 2\n\n[loop.collect]\nmax_bytes = 17\n",
        ),
    ] {
        assert_eq!(set(before, key, value), after, "{key} in {before:?}");
    }
}

#[test]
fn maps_are_set_whole_or_by_entry() {
    let env = "loop.runtime_defs.x.env";
    let spread = "[loop.runtime_defs.x.env]\n# first\nA = '1'\nB = '2'\n";
    for (before, key, value, after) in [
        ("", env, "B=2,A=1", "[loop.runtime_defs.x]\nenv = { A = \"1\", B = \"2\" }\n"),
        (
            "[loop.runtime_defs.x]\nenv = { C = '3' }\n",
            env,
            "A=1",
            "[loop.runtime_defs.x]\nenv = { A = \"1\" }\n",
        ),
        (spread, env, "B=3,C=4", "[loop.runtime_defs.x.env]\n# first\nB = \"3\"\nC = \"4\"\n"),
        (
            spread,
            "loop.runtime_defs.x.env.B",
            "3",
            "[loop.runtime_defs.x.env]\n# first\nA = '1'\nB = \"3\"\n",
        ),
    ] {
        assert_eq!(set(before, key, value), after, "{key} in {before:?}");
    }
    assert_eq!(unset(spread, env), "[loop.runtime_defs.x.env]\n# first\n");
    assert_eq!(
        unset("[loop.runtime_defs.x]\nenv = { A = '1', B = '2' }\n", "loop.runtime_defs.x.env.A"),
        "[loop.runtime_defs.x]\nenv = { B = '2' }\n"
    );
}

#[test]
fn a_key_is_taken_out_with_its_line_and_no_comment_above() {
    for (before, after) in [
        ("# top\n[loop]\n# why\njobs = 2 # few\nmerge = 'task'\n", "# top\n[loop]\n# why\nmerge = 'task'\n"),
        ("# top\nloop.jobs = 2", "# top\n"),
        ("loop = { jobs = 2, deliver = true }\n", "loop = { deliver = true }\n"),
        ("[tracker]\nkind = 'auto'\n", "[tracker]\nkind = 'auto'\n"),
    ] {
        assert_eq!(unset(before, "loop.jobs"), after, "{before:?}");
    }
    let lines = "[loop]\nworktree.copy = [\n  'a', # one\n  'b',\n]\njobs = 2\n";
    assert_eq!(unset(lines, "loop.worktree.copy"), "[loop]\njobs = 2\n");
    assert!(!without_key("", "loop.jobs").unwrap().1);
}

#[test]
fn entries_are_changed_under_any_name_and_in_every_form() {
    let (priority, price) = ("loop.model.by_priority.P0", "loop.prices.gpt-5.1");
    for (before, key, value, after) in [
        ("", priority, "opus", "[loop.model.by_priority]\nP0 = \"opus\"\n"),
        (
            "[loop.model]\nby_priority = { 0 = 'x', P1 = 'y' } # why\n",
            priority,
            "opus",
            "[loop.model]\nby_priority = { 0 = \"opus\", P1 = 'y' } # why\n",
        ),
        (
            "[loop.model.by_priority]\n0 = 'x'\n1 = 'y'\n",
            "loop.model.by_priority",
            "P1=a,P2=b",
            "[loop.model.by_priority]\n1 = \"a\"\nP2 = \"b\"\n",
        ),
        (
            "",
            price,
            "1/2/0.5/1",
            "[loop.prices]\n\"gpt-5.1\" = { input = 1, output = 2, cache_read = 0.5, cache_create = 1 }\n",
        ),
        (
            "[loop.prices.\"gpt-5.1\"] # mine\n# why\ninput = 5\noutput = 6\n[tracker]\n",
            price,
            "1/2",
            "# why\n[tracker]\n\n[loop.prices]\n\"gpt-5.1\" = { input = 1, output = 2, cache_read = 1, cache_create = 1 }\n",
        ),
        (
            "[loop.model]\nby_type = {}\n",
            "loop.model.by_type.a.b",
            "m",
            "[loop.model]\nby_type = { \"a.b\" = \"m\" }\n",
        ),
        (
            "[loop]\nmodel.by_type.bug = 'x'\n[tracker]\n",
            "loop.model.by_type.a.b",
            "m",
            "[loop]\nmodel.by_type.bug = 'x'\nmodel.by_type.\"a.b\" = \"m\"\n[tracker]\n",
        ),
    ] {
        assert_eq!(set(before, key, value), after, "{key} in {before:?}");
    }
    for (before, key, after) in [
        (
            "[loop.model.by_priority]\n0 = 'x' # most\n1 = 'y'\n",
            priority,
            "[loop.model.by_priority]\n1 = 'y'\n",
        ),
        (
            "[loop]\nmodel.by_priority = { 0 = 'x', 1 = 'y' }\n",
            priority,
            "[loop]\nmodel.by_priority = { 1 = 'y' }\n",
        ),
        ("[loop.prices.\"gpt-5.1\"]\ninput = 1\noutput = 2\n[tracker]\n", price, "[tracker]\n"),
        ("[loop.prices.\"gpt-5.1\"]\ninput = 1\noutput = 2\n[tracker]\n", "loop.prices", "[tracker]\n"),
    ] {
        assert_eq!(unset(before, key), after, "{key} in {before:?}");
    }
}

#[test]
fn line_breaks_and_everything_else_stay_as_they_are() {
    for (before, key, value, after) in [
        ("[loop]\r\njobs = 2 # few\r\n\r\n# end", "loop.jobs", "3", "[loop]\r\njobs = 3 # few\r\n\r\n# end"),
        ("[loop]\r\njobs = 2", "loop.deliver", "false", "[loop]\r\njobs = 2\r\ndeliver = false\r\n"),
        ("[loop]\r\n", "loop.gate.timeout", "5m", "[loop]\r\n\r\n[loop.gate]\r\ntimeout = \"5m\"\r\n"),
        ("[loop]", "loop.jobs", "3", "[loop]\njobs = 3\n"),
        (
            "[loop.gate]\ntimeout = '5m'\n[loop]\n# here\n[tracker]\nkind = 'auto'\n",
            "loop.jobs",
            "3",
            "[loop.gate]\ntimeout = '5m'\n[loop]\njobs = 3\n# here\n[tracker]\nkind = 'auto'\n",
        ),
        ("# top\n[loop.gate]\n", "loop.jobs", "3", "# top\n[loop.gate]\n\n[loop]\njobs = 3\n"),
        (
            "[loop]\nworktree.copy = [\n  'a', # one\n] # all\njobs = 2\n",
            "loop.worktree.copy",
            "b",
            "[loop]\nworktree.copy = [\"b\"] # all\njobs = 2\n",
        ),
        (
            "loop = {jobs=2,gate={timeout='5m' } } # all\n",
            "loop.gate.command",
            "make",
            "loop = {jobs=2,gate={timeout='5m', command = \"make\" } } # all\n",
        ),
        (
            "loop = { gate.timeout = '5m' }\n",
            "loop.gate.command",
            "make",
            "loop = { gate.timeout = '5m', gate.command = \"make\" }\n",
        ),
        ("[\"loop\"]\n'jobs' = 2\n", "loop.jobs", "3", "[\"loop\"]\n'jobs' = 3\n"),
    ] {
        assert_eq!(set(before, key, value), after, "{key} in {before:?}");
    }
    for (before, after) in [
        ("[loop]\r\njobs = 2\r\nmerge = 'task'", "[loop]\r\nmerge = 'task'"),
        (
            "x = 1\r\nloop = { jobs = 2, deliver = true } # all\r\n",
            "x = 1\r\nloop = { deliver = true } # all\r\n",
        ),
        ("loop = { gate.timeout = '5m', jobs = 2 }\n", "loop = { gate.timeout = '5m' }\n"),
        ("loop = {gate={timeout='5m'},jobs=2}\n", "loop = {gate={timeout='5m'}}\n"),
        ("loop = { jobs = 2 }\n", "loop = { }\n"),
    ] {
        assert_eq!(unset(before, "loop.jobs"), after, "{before:?}");
    }
}

#[test]
fn what_can_not_be_changed_is_refused() {
    let jobs = Value::Count(2);
    assert!(matches!(with_value("\n[loop", "loop.jobs", &jobs), Err(EditError::Syntax { line: 2, .. })));
    assert_eq!(with_value("loop = 1", "loop.jobs", &jobs), Err(EditError::NotATable("loop".to_owned())));
    assert_eq!(with_value("[[loop]]", "loop.jobs", &jobs), Err(EditError::NotATable("loop".to_owned())));
}

/// Sections in every form; they may stand in any order.
const BLOCKS: [&str; 6] = [
    "[loop]\n# own line 1\njobs = 2 # few\nworktree.copy = [\n  'a', # one\n]\n\n",
    "[loop.gate] # behind\ntimeout = '5m'\n# own line 2\n",
    "[loop.model.by_priority]\n0 = 'a'\nP3 = 'b'\n",
    "\n[loop.prices.\"gpt-5.1\"]\n# own line 3\ninput = 1\noutput = 2\n",
    "[tracker]\nkind = 'auto'\n\n\n",
    "[loop.runtime_defs.x]\ncommand = 'x'\nenv = { A = '1', B = '2' } # two\nmodels.\"m.n\" = 'o'\n# own line 4\n",
];

const CHANGES: [(&str, &str); 16] = [
    ("loop.jobs", "3"),
    ("loop.deliver", "false"),
    ("loop.worktree.copy", "b,c"),
    ("loop.gate.command", "make 'x'"),
    ("loop.gate.timeout", "9m"),
    ("loop.model.by_priority.P0", "z"),
    ("loop.model.by_priority", "P2=k,P3=l"),
    ("loop.model.by_type.a.b", "y"),
    ("loop.prices.gpt-5.1", "3/4"),
    ("loop.prices.o", "1/2/0.25/4"),
    ("loop.budget.usd", "2.50"),
    ("tracker.prefix", "q"),
    ("loop.runtime_defs.x.env.B", "3"),
    ("loop.runtime_defs.x.env.C", "4"),
    ("loop.runtime_defs.x.models", "m.n=p"),
    ("loop.runtime_defs.y.env", "D=5"),
];

proptest::proptest! {
    /// What is set reads back, and all else with it, is checked by the editor itself: it has to refuse nothing here.
    #[test]
    fn any_file_takes_any_changes_and_keeps_comments_and_line_breaks(
        blocks in proptest::sample::subsequence(BLOCKS.to_vec(), 0..=6).prop_shuffle(),
        changes in proptest::collection::vec((0..CHANGES.len(), proptest::bool::weighted(0.7)), 1..8),
        windows in proptest::bool::ANY,
        ends in proptest::bool::ANY,
    ) {
        let text = blocks.concat();
        let text = if windows { text.replace('\n', "\r\n") } else { text };
        let start = if ends { text.clone() } else { text.trim_end().to_owned() };
        let comments = start.lines().filter(|line| line.starts_with("# own line")).count();
        let mut now = start.clone();
        for (place, sets) in changes {
            let (key, value) = CHANGES[place];
            now = if sets { set(&now, key, value) } else { unset(&now, key) };
            if !sets {
                proptest::prop_assert_eq!(unset(&now, key), now.clone());
            }
            let kept = now.lines().filter(|line| line.starts_with("# own line")).count();
            proptest::prop_assert_eq!(kept, comments, "{}", now);
            if windows && start.contains('\n') {
                proptest::prop_assert_eq!(now.matches('\n').count(), now.matches("\r\n").count(), "{}", now);
            }
        }
    }
}

#[test]
fn a_section_with_a_value_stays_short_until_another_key_stands_beside_it() {
    let short = "[loop]\nsandbox = \"off\" # why\njobs = 2\n";
    assert_eq!(
        set(short, "loop.sandbox.mode", "worktree"),
        "[loop]\nsandbox = \"worktree\" # why\njobs = 2\n"
    );
    assert_eq!(unset(short, "loop.sandbox.mode"), "[loop]\njobs = 2\n");
    assert_eq!(unset(short, "loop.sandbox.write"), short);
    assert_eq!(
        set(short, "loop.sandbox.write", "/a,~/b"),
        "[loop]\njobs = 2\n\n[loop.sandbox]\nmode = \"off\"\nwrite = [\"/a\", \"~/b\"]\n"
    );
    let long = "[loop.sandbox]\nmode = \"off\"\n";
    assert_eq!(set(long, "loop.sandbox.mode", "worktree"), "[loop.sandbox]\nmode = \"worktree\"\n");
    assert_eq!(set("", "loop.sandbox.mode", "off"), "[loop.sandbox]\nmode = \"off\"\n");
}
