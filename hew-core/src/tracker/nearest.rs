//! The id that was most likely meant.

use crate::ids::TaskId;

/// The id among `known` that `wanted` is closest to: its end (people leave the prefix out), else the same but for a few
/// letters. `None` if nothing is near.
pub fn nearest_id<'a>(
    wanted: &str,
    known: impl IntoIterator<Item = &'a TaskId> + Clone,
) -> Option<&'a TaskId> {
    let wanted = wanted.trim().to_lowercase();
    if wanted.is_empty() {
        return None;
    }
    let dashed = format!("-{wanted}");
    if let Some(id) = known.clone().into_iter().find(|id| id.as_str().to_lowercase().ends_with(&dashed)) {
        return Some(id);
    }
    // A quarter of the name may be wrong: more would take another task's random part for a slip.
    let tolerance = (wanted.len() / 4).clamp(1, 3);
    known
        .into_iter()
        .map(|id| (strsim::damerau_levenshtein(&wanted, &id.as_str().to_lowercase()), id))
        .filter(|(distance, _)| *distance <= tolerance)
        .min()
        .map(|(_, id)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_and_missing_prefixes_are_seen_through() {
        let known = ["app-1a2b", "app-9zzz", "app-1a2b.1"].map(TaskId::from);
        for (wanted, meant) in [
            ("1a2b", Some("app-1a2b")),
            ("1A2B.1", Some("app-1a2b.1")),
            ("app-1ab2", Some("app-1a2b")),
            ("app1a2b", Some("app-1a2b")),
            ("app-7qqq", None),
            ("", None),
            ("nothing", None),
        ] {
            assert_eq!(nearest_id(wanted, &known).map(TaskId::as_str), meant, "{wanted}");
        }
    }
}
