//! Settings as they were frozen at launch: read back, and held against those of now.
//!
//! A record keeps no secrets: where a value was left out of it, the value of now takes its place.

use std::collections::BTreeMap;

use crate::record::event::SettingRecord;
use crate::settings::layers::read_frozen;
use crate::settings::secret::LEFT_OUT;
use crate::settings::{Origin, SettingsProblem, Values};

/// What the record has under such a name is a flag of the run and no setting.
const FLAG: &str = "--";

/// The settings of a record. The error is every one that can't be read.
pub fn thaw(records: &[SettingRecord], now: &Values) -> Result<Values, Vec<SettingsProblem>> {
    let settings = records.iter().filter(|record| !record.key.starts_with(FLAG));
    let entries = settings.filter_map(|record| {
        let origin = Origin::parse(&record.origin).unwrap_or_else(|| Origin::Flag(record.origin.clone()));
        let value = if record.value.contains(LEFT_OUT) {
            // What is not set any more is told where it is missed.
            now.value(&record.key)?.value.to_string()
        } else {
            record.value.clone()
        };
        Some((record.key.clone(), value, origin))
    });
    let layer = read_frozen(entries);
    if layer.problems.is_empty() {
        Ok(Values::built_in().overlaid_with(layer.values).completed())
    } else {
        Err(layer.problems)
    }
}

/// A setting, or a flag, that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub key: String,
    /// Its value at launch; none where it had none.
    pub then: Option<String>,
    /// Its value now; none where it has none.
    pub now: Option<String>,
}

/// Settings and flags that are not as they were. What hew itself says, then and now, counts for nothing: another version
/// may say something else.
pub fn differences(then: &[SettingRecord], now: &[SettingRecord]) -> Vec<Difference> {
    let own = Origin::BuiltIn.to_string();
    let mut sides: BTreeMap<&str, [Option<&SettingRecord>; 2]> = BTreeMap::new();
    for (side, records) in [then, now].into_iter().enumerate() {
        for record in records {
            sides.entry(&record.key).or_default()[side] = Some(record);
        }
    }
    let said =
        sides.into_iter().filter(|(_, sides)| sides.iter().flatten().any(|record| record.origin != own));
    let value = |record: Option<&SettingRecord>| record.map(|record| record.value.clone());
    let differing = said.map(|(key, [then, now])| (key, value(then), value(now)));
    differing
        .filter(|(_, then, now)| then != now)
        .map(|(key, then, now)| Difference { key: key.to_owned(), then, now })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use crate::settings::layers::read_flags;
    use crate::settings::secret::shown_value;

    fn records(values: &Values) -> Vec<SettingRecord> {
        values
            .iter()
            .map(|(key, found)| SettingRecord {
                key: key.to_owned(),
                value: shown_value(key, &found.value).to_string(),
                origin: found.origin.to_string(),
            })
            .collect()
    }

    fn values(more: &[(&str, &str)]) -> Values {
        let flags: Vec<_> = more.iter().map(|(key, text)| (*key, (*text).to_owned(), "--flag")).collect();
        let layer = read_flags(&flags);
        assert_eq!(layer.problems, []);
        Values::built_in().overlaid_with(layer.values).completed()
    }

    const ODD: [(&str, &str); 7] = [
        ("loop.jobs", "3"),
        ("loop.budget.wall", "1h30m"),
        ("loop.budget.usd", "2.50"),
        ("loop.worktree.copy", ".env,a b"),
        ("loop.gate.command", "make \"a, b\" && true"),
        ("loop.runtime_defs.mine.command", "/bin/mine"),
        ("loop.runtime_defs.mine.args", r#"["-x", "a,b", ""]"#),
    ];

    #[test]
    fn what_was_frozen_reads_back_as_the_same_settings() {
        for before in [values(&[]), values(&ODD)] {
            let after = thaw(&records(&before), &Values::default()).unwrap();
            assert_eq!(records(&after), records(&before));
            let typed = |values: &Values| Settings::from_values(values).unwrap();
            assert_eq!(typed(&after), typed(&before));
        }
    }

    #[test]
    fn a_secret_is_what_it_is_now() {
        let with = |secret: &str| values(&[("loop.runtime_defs.mine.env.API_KEY", secret)]);
        let frozen = records(&with("then"));
        assert!(frozen.iter().all(|record| !record.value.contains("then")));
        let thawed = thaw(&frozen, &with("now")).unwrap();
        let key = "loop.runtime_defs.mine.env.API_KEY";
        assert_eq!(thawed.value(key).unwrap().value.to_string(), "now");
        let missing = thaw(&frozen, &Values::default()).unwrap();
        assert_eq!(missing.value(key), None);
    }

    #[test]
    fn flags_are_no_settings_and_what_is_built_in_is_nobodys_word() {
        let flag = |key: &str, value: &str| SettingRecord {
            key: key.to_owned(),
            value: value.to_owned(),
            origin: format!("flag {key}"),
        };
        let own = |value: &str| SettingRecord { origin: "built-in".to_owned(), ..flag("loop.new", value) };
        assert_eq!(thaw(&[flag("--watch", "true")], &Values::default()).unwrap(), values(&[]));
        let then = [flag("--watch", "true"), flag("loop.jobs", "2"), own("1")];
        let now = [flag("loop.jobs", "4"), own("2")];
        let found = differences(&then, &now);
        let [jobs_or_watch, other] = &found[..] else { panic!("{found:?}") };
        assert_eq!((jobs_or_watch.key.as_str(), &jobs_or_watch.now), ("--watch", &None));
        assert_eq!((other.then.as_deref(), other.now.as_deref()), (Some("2"), Some("4")));
        assert_eq!(differences(&then, &then), []);
    }
}
