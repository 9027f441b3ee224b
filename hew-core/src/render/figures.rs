//! Durations, counts and moments for people.

use chrono::{DateTime, Utc};

/// A duration in milliseconds: `0.4s`, `12.3s`, `3m05s`, `1h02m`, `2d03h`.
pub fn duration_ms(ms: u64) -> String {
    let secs = ms / 1000;
    match secs {
        0..60 => format!("{secs}.{}s", ms % 1000 / 100),
        60..3600 => format!("{}m{:02}s", secs / 60, secs % 60),
        3600..86_400 => format!("{}h{:02}m", secs / 3600, secs % 3600 / 60),
        _ => format!("{}d{:02}h", secs / 86_400, secs % 86_400 / 3600),
    }
}

/// Milliseconds from a stamp to now, never below 0.
pub fn since_ms(since: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    u64::try_from(now.signed_duration_since(since).num_milliseconds()).unwrap_or(0)
}

/// A duration without tenths of a second, for what is told once a second.
pub fn age_ms(ms: u64) -> String {
    if ms < 60_000 { format!("{}s", ms / 1000) } else { duration_ms(ms) }
}

/// The same from seconds; what is no duration is 0.
pub fn duration_secs(secs: f64) -> String {
    duration_ms(whole_ms(secs))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from float to integer saturates, which is what is wanted of a figure for people"
)]
fn whole_ms(secs: f64) -> u64 {
    (secs * 1000.0).round() as u64
}

/// A count with its digits in groups: `1,234,567`.
pub fn grouped(number: u64) -> String {
    let mut digits = number.to_string();
    let length = digits.len();
    for at in (1..length).rev().filter(|at| (length - at) % 3 == 0) {
        digits.insert(at, ',');
    }
    digits
}

/// A count in at most five columns: `999`, `1.2k`, `12.3k`, `123k`, `1.2M`.
pub fn compact(number: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", number / unit, number % unit / (unit / 10));
    match number {
        0..1_000 => number.to_string(),
        1_000..100_000 => tenths(1_000) + "k",
        100_000..1_000_000 => format!("{}k", number / 1_000),
        1_000_000..100_000_000 => tenths(1_000_000) + "M",
        _ => format!("{}M", number / 1_000_000),
    }
}

/// Money in USD: `$0.02`, and `$0.0049` where cents would say too little.
pub fn usd(amount: f64) -> String {
    if amount > 0.0 && amount < 0.1 { format!("${amount:.4}") } else { format!("${amount:.2}") }
}

/// `1 task`, `2 tasks`, `1,000 tasks`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// `2026-11-20 19:30:00 UTC`.
pub fn stamp(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_and_small_money_keeps_its_figures() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 0.004_882, 0.25, 1234.5].map(usd), ["$0.00", "$0.0049", "$0.25", "$1234.50"]);
    }

    #[test]
    fn a_compact_count_keeps_three_figures_and_an_age_whole_seconds() {
        let counts = [0, 999, 1_000, 12_345, 99_999, 123_456, 999_999, 1_000_000, 45_600_000, 123_000_000];
        let words = ["0", "999", "1.0k", "12.3k", "99.9k", "123k", "999k", "1.0M", "45.6M", "123M"];
        assert_eq!(counts.map(compact), words);
        assert_eq!([0, 59_999, 60_000].map(age_ms), ["0s", "59s", "1m00s"]);
    }

    #[test]
    fn durations_keep_two_figures_that_matter() {
        let cases = [
            (0, "0.0s"),
            (49, "0.0s"),
            (450, "0.4s"),
            (59_999, "59.9s"),
            (60_000, "1m00s"),
            (3_599_000, "59m59s"),
            (3_720_000, "1h02m"),
            (183_600_000, "2d03h"),
        ];
        for (ms, expected) in cases {
            assert_eq!(duration_ms(ms), expected);
        }
        assert_eq!(duration_secs(0.4), "0.4s");
        assert_eq!(duration_secs(-1.0), "0.0s");
        assert_eq!(duration_secs(f64::NAN), "0.0s");
    }
}
