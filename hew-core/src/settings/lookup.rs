//! What a dotted path leads to: a key, an entry of a map, a section. And what was meant by one that leads nowhere.
//!
//! What follows the key of a map is one name, dots and all: `loop.prices.gpt-5.1` is the entry `gpt-5.1`.

use super::keys::{ANY_NAME, KEYS, KeySpec, RUNTIME_DEFS, SHORT};
use super::kind::{Kind, is_name};
use super::map_kind::MapKind;

/// What a dotted path leads to.
#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    /// A key.
    Key(&'static KeySpec),
    /// An entry of a key that holds a map, by the name that stands in the path.
    Entry(&'static KeySpec, MapKind, &'a str),
    /// Something that keys begin with, e.g. `loop.gate`.
    Section,
    /// Nothing.
    Nothing,
}

/// What a dotted path leads to.
pub fn find(path: &str) -> Found<'_> {
    if let Some(spec) = KEYS.iter().find(|spec| spec.name == path) {
        return Found::Key(spec);
    }
    let mut found = Found::Nothing;
    for spec in KEYS {
        match follow(path, spec.name) {
            Followed::ToItsEnd => return Found::Key(spec),
            Followed::ForAWhile => found = Found::Section,
            Followed::Past(name) => {
                if let Kind::Map(map) = spec.kind {
                    return Found::Entry(spec, map, name);
                }
            }
            Followed::Nowhere => {}
        }
    }
    found
}

/// How far a path goes with a key's name.
#[derive(Debug, PartialEq, Eq)]
enum Followed<'a> {
    ToItsEnd,
    /// The path ends first.
    ForAWhile,
    /// The name ends first; this is left.
    Past(&'a str),
    Nowhere,
}

fn follow<'a>(path: &'a str, name: &str) -> Followed<'a> {
    let same = path.bytes().zip(name.bytes()).take_while(|(one, other)| one == other).count();
    let (path_at, name_at) = (path.as_bytes().get(same), name.as_bytes().get(same));
    match (path_at, name_at) {
        (None, None) => Followed::ToItsEnd,
        (None, Some(b'.')) => Followed::ForAWhile,
        (Some(b'.'), None) => Followed::Past(&path[same + 1..]),
        // Most names differ before any part of them that may be any name.
        _ if !name[..same].contains('<') && name_at != Some(&b'<') => Followed::Nowhere,
        _ => follow_parts(path, name),
    }
}

fn follow_parts<'a>(path: &'a str, name: &str) -> Followed<'a> {
    let mut rest = Some(path);
    for wanted in name.split('.') {
        let Some(text) = rest else { return Followed::ForAWhile };
        let (part, behind) = text.split_once('.').map_or((text, None), |(part, rest)| (part, Some(rest)));
        if !fits(part, wanted) {
            return Followed::Nowhere;
        }
        rest = behind;
    }
    rest.map_or(Followed::ToItsEnd, Followed::Past)
}

fn fits(part: &str, wanted: &str) -> bool {
    part == wanted || wanted == ANY_NAME && is_name(part)
}

/// The key that a short name stands for, e.g. `loop.sandbox.mode` for `loop.sandbox`.
pub fn long_of(path: &str) -> Option<&'static str> {
    SHORT.iter().find(|(short, _)| *short == path).map(|(_, long)| *long)
}

/// The short name of a key, if it has one.
pub fn short_of(key: &str) -> Option<&'static str> {
    SHORT.iter().find(|(_, long)| *long == key).map(|(short, _)| *short)
}

/// The one way to write a path: a key by its long name, an entry by the name under which it is kept (`P0` for `0`), without quotes around it.
/// Any other path is left as it is.
pub fn canonical(path: &str) -> String {
    let Found::Entry(_, map, name) = find(path) else { return long_of(path).unwrap_or(path).to_owned() };
    let start = &path[..path.len() - name.len()];
    let quoted = |sign| name.strip_prefix(sign).and_then(|name: &str| name.strip_suffix(sign));
    let name = quoted('"').or_else(|| quoted('\'')).unwrap_or(name);
    format!("{start}{}", map.entry_name(name).unwrap_or_else(|_| name.to_owned()))
}

/// The parts of a canonical path as a settings file nests them: the name of an entry is one part.
pub fn parts(path: &str) -> Vec<&str> {
    match find(path) {
        Found::Entry(spec, ..) => path.splitn(spec.name.split('.').count() + 1, '.').collect(),
        _ => path.split('.').collect(),
    }
}

/// The keys of runtime definitions, for one runtime: the key itself and its row.
pub(super) fn keys_of_runtime(name: &str) -> impl Iterator<Item = (String, &'static KeySpec)> {
    KEYS.iter()
        .filter(|spec| spec.name.contains(ANY_NAME))
        .map(move |spec| (spec.name.replace(ANY_NAME, name), spec))
}

/// The runtime that a key belongs to, if it belongs to one.
pub(super) fn runtime_of(key: &str) -> Option<&str> {
    Some(key.strip_prefix(RUNTIME_DEFS)?.split_once('.')?.0)
}

/// The known key that was most likely meant.
pub fn suggestion(path: &str) -> Option<String> {
    let known: Vec<String> = match runtime_of(path) {
        Some(name) if is_name(name) => keys_of_runtime(name).map(|(key, _)| key).collect(),
        _ => KEYS.iter().map(|spec| spec.name.to_owned()).collect(),
    };
    if let Some(map) = mistyped_map(path) {
        return Some(map);
    }
    let last = path.rsplit('.').next().unwrap_or(path);
    // A third of the word may be wrong, but one letter of a short word too.
    let tolerance = (last.len() / 3).max(1);
    let near = known
        .iter()
        .map(|key| (strsim::damerau_levenshtein(path, key), key))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, key)| key);
    let elsewhere = || {
        let mut same_word = known.iter().filter(|key| key.rsplit('.').next() == Some(last));
        same_word.clone().find(|key| key.ends_with(&format!(".{path}"))).or_else(|| same_word.next())
    };
    near.or_else(elsewhere).cloned()
}

/// The entry of a map whose own key is mistyped.
fn mistyped_map(path: &str) -> Option<String> {
    let maps = KEYS.iter().filter(|spec| matches!(spec.kind, Kind::Map(_)) && !spec.name.contains(ANY_NAME));
    maps.filter_map(|spec| {
        let count = spec.name.split('.').count();
        let (at, _) = path.match_indices('.').nth(count - 1)?;
        let distance = strsim::damerau_levenshtein(&path[..at], spec.name);
        (distance <= 2).then(|| (distance, format!("{}{}", spec.name, &path[at..])))
    })
    .min()
    .map(|(_, meant)| meant)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_lead_to_keys_entries_and_sections() {
        assert!(matches!(find("loop.jobs"), Found::Key(spec) if spec.name == "loop.jobs"));
        assert!(matches!(find("loop.runtime_defs.x.args"), Found::Key(_)));
        assert!(matches!(find("loop.runtime_defs.x.env.A"), Found::Entry(_, _, "A")));
        assert!(matches!(find("loop.prices.gpt-5.1"), Found::Entry(_, MapKind::Prices, "gpt-5.1")));
        for section in ["loop", "loop.gate", "loop.runtime_defs", "loop.runtime_defs.x"] {
            assert!(matches!(find(section), Found::Section), "{section}");
        }
        for nothing in ["", "lop", "loop.jobs.x", "loop.runtime_defs.a b", "loop.runtime_defs.x.y"] {
            assert!(matches!(find(nothing), Found::Nothing), "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_followed_as_its_parts_are(
            parts in proptest::collection::vec(
                prop_oneof![
                    proptest::sample::select(&["loop", "jobs", "gate", "runtime_defs", "args", "env", ANY_NAME, "é"][..])
                        .prop_map(str::to_owned),
                    "[a-z.<é]{0,4}",
                ],
                0..5,
            ),
            known in proptest::sample::select(KEYS),
            cut in 0_usize..40,
        ) {
            let whole = known.name.get(..cut).unwrap_or(known.name);
            for path in [parts.join("."), format!("{whole}{}", parts.join(".")), format!("{whole}.{}", parts.join("."))] {
                for spec in KEYS {
                    prop_assert_eq!(follow(&path, spec.name), follow_parts(&path, spec.name), "{} {}", path, spec.name);
                }
            }
        }
    }

    #[test]
    fn a_mistyped_key_leads_to_the_one_that_was_meant() {
        for (wrong, meant) in [
            ("loop.jbos", Some("loop.jobs")),
            ("loops.jobs", Some("loop.jobs")),
            ("jobs", Some("loop.jobs")),
            ("gate.command", Some("loop.gate.command")),
            ("loop.baseline", Some("loop.gate.baseline")),
            ("loop.stalltimeout", Some("loop.stall_timeout")),
            ("loop.runtime_defs.x.comand", Some("loop.runtime_defs.x.command")),
            ("loop.model.by_prioritty.P0", Some("loop.model.by_priority.P0")),
            ("loop.price.gpt-5.1", Some("loop.prices.gpt-5.1")),
            ("loop.frobnicate", None),
        ] {
            assert_eq!(suggestion(wrong).as_deref(), meant, "{wrong}");
        }
    }

    #[test]
    fn entries_have_one_path_however_they_are_written() {
        for (path, own, nested) in [
            ("loop.model.by_priority.0", "loop.model.by_priority.P0", 4),
            ("loop.model.by_priority.P4", "loop.model.by_priority.P4", 4),
            ("loop.model.by_priority.P9", "loop.model.by_priority.P9", 4),
            ("loop.prices.gpt-5.1", "loop.prices.gpt-5.1", 3),
            ("loop.prices.\"gpt-5.1\"", "loop.prices.gpt-5.1", 3),
            ("loop.runtime_defs.x.models.org/a.b", "loop.runtime_defs.x.models.org/a.b", 5),
            ("loop.jobs", "loop.jobs", 2),
            ("loop.sandbox", "loop.sandbox.mode", 3),
        ] {
            assert_eq!(canonical(path), own, "{path}");
            assert_eq!(parts(own).len(), nested, "{path}");
            assert_eq!(parts(own).join("."), own);
        }
    }
}
