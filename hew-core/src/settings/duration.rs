//! Durations as people write them: `45s`, `90m`, `1h30m`, `2d`, `500ms`.
//!
//! A number without a unit is refused, for nobody can tell what it was meant to be. Does not know signs or fractions.

use std::time::Duration;

/// A unit and its length in milliseconds, longest first: the order in which units may follow one another.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing there, or something that is neither a number nor a unit.
    #[error("write numbers with units, longest first, like 1h30m (d, h, m, s, ms)")]
    Form,
    /// A number without a unit.
    #[error("{0} has no unit; write {0}s, {0}m or {0}h")]
    NoUnit(u64),
    /// A unit that is not known.
    #[error("`{0}` is not a unit; units are d, h, m, s and ms")]
    Unit(String),
    /// More than can be counted.
    #[error("that is too long")]
    TooLong,
}

/// Reads a duration.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    let mut units = UNITS.iter();
    if rest.is_empty() {
        return Err(DurationError::Form);
    }
    while !rest.is_empty() {
        let (number, after) = split_number(rest)?;
        let (unit, after) = split_unit(after);
        if unit.is_empty() {
            return Err(DurationError::NoUnit(number));
        }
        if !UNITS.iter().any(|(name, _)| *name == unit) {
            return Err(DurationError::Unit(unit.to_owned()));
        }
        // The iterator only moves on, so a unit that was passed can't come again.
        let (_, length) = units.find(|(name, _)| *name == unit).ok_or(DurationError::Form)?;
        let part = number.checked_mul(*length).ok_or(DurationError::TooLong)?;
        total = total.checked_add(part).ok_or(DurationError::TooLong)?;
        rest = after;
    }
    Ok(Duration::from_millis(total))
}

fn split_number(text: &str) -> Result<(u64, &str), DurationError> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, after) = text.split_at(end);
    if digits.is_empty() {
        return Err(DurationError::Form);
    }
    Ok((digits.parse().map_err(|_| DurationError::TooLong)?, after))
}

fn split_unit(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, seconds) in
            [("45s", 45), ("90m", 5_400), ("1h30m", 5_400), ("2d", 172_800), ("1d1h1m1s", 90_061), ("0s", 0)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_duration("1s500ms"), Ok(Duration::from_millis(1_500)));
    }

    #[test]
    fn what_is_no_duration_says_why() {
        let unit = |text: &str| DurationError::Unit(text.to_owned());
        for (text, error) in [
            ("", DurationError::Form),
            ("h", DurationError::Form),
            ("-5m", DurationError::Form),
            ("30m1h", DurationError::Form),
            ("1h1h", DurationError::Form),
            ("90", DurationError::NoUnit(90)),
            ("1h30", DurationError::NoUnit(30)),
            ("5 min", unit(" min")),
            ("5M", unit("M")),
            ("1.5h", unit(".")),
            ("300000000000d", DurationError::TooLong),
            ("99999999999999999999s", DurationError::TooLong),
        ] {
            assert_eq!(parse_duration(text), Err(error), "{text}");
        }
    }
}
