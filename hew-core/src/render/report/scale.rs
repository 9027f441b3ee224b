//! From moments to places on the timeline.

use chrono::{DateTime, Utc};

/// Width of the whole picture, in its own units.
pub(super) const WIDTH: f64 = 1120.0;
/// Where lanes begin: names of workers stand before.
pub(super) const LEFT: f64 = 64.0;
/// Where lanes end.
pub(super) const RIGHT: f64 = 1108.0;

/// Steps of the axis, in milliseconds.
const STEPS: [u64; 20] = [
    10,
    50,
    100,
    500,
    1_000,
    5_000,
    10_000,
    30_000,
    60_000,
    300_000,
    600_000,
    1_800_000,
    3_600_000,
    7_200_000,
    14_400_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
    604_800_000,
];
/// Most ticks of the axis.
const MAX_TICKS: u64 = 9;

/// A stretch of time, drawn from [`LEFT`] to [`RIGHT`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    from: DateTime<Utc>,
    /// Milliseconds, at least 1.
    pub(super) span_ms: u64,
}

impl Scale {
    pub(super) fn new(from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        Self { from, span_ms: ms_between(from, to).max(1) }
    }

    /// Milliseconds from the start to a moment, at most the whole span.
    pub(super) fn ms(&self, at: DateTime<Utc>) -> u64 {
        ms_between(self.from, at).min(self.span_ms)
    }

    /// Where so many milliseconds after the start are.
    #[expect(clippy::cast_precision_loss, reason = "a picture has fewer points than a float has figures")]
    pub(super) fn x_of_ms(&self, ms: u64) -> f64 {
        LEFT + (RIGHT - LEFT) * (ms as f64 / self.span_ms as f64)
    }

    /// Where a moment is.
    pub(super) fn x(&self, at: DateTime<Utc>) -> f64 {
        self.x_of_ms(self.ms(at))
    }

    /// Ticks of the axis, in milliseconds after the start.
    pub(super) fn ticks(&self) -> impl Iterator<Item = u64> + use<> {
        let step = STEPS.into_iter().find(|step| self.span_ms / step <= MAX_TICKS);
        // Beyond the table: whole weeks, as many as needed.
        let week = STEPS[STEPS.len() - 1];
        let step = step.unwrap_or_else(|| week * (self.span_ms / week).div_ceil(MAX_TICKS));
        (0..=self.span_ms / step).map(move |number| number * step)
    }
}

fn ms_between(from: DateTime<Utc>, to: DateTime<Utc>) -> u64 {
    u64::try_from(to.signed_duration_since(from).num_milliseconds()).unwrap_or(0)
}

/// A tick's label: `0`, `30s`, `10m`, `2h`, `3d`.
pub(super) fn tick_label(ms: u64) -> String {
    match ms {
        0 => "0".to_owned(),
        _ if ms.is_multiple_of(86_400_000) => format!("{}d", ms / 86_400_000),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms.is_multiple_of(60_000) && ms < 3_600_000 => format!("{}m", ms / 60_000),
        _ if ms.is_multiple_of(60_000) => format!("{}h{:02}m", ms / 3_600_000, ms / 60_000 % 60),
        _ if ms.is_multiple_of(1000) && ms < 60_000 => format!("{}s", ms / 1000),
        _ if ms.is_multiple_of(1000) => format!("{}m{:02}s", ms / 60_000, ms / 1000 % 60),
        _ if ms < 1000 => format!("{ms}ms"),
        _ => format!("{}.{}s", ms / 1000, ms % 1000 / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn an_axis_has_few_ticks_whatever_the_span() {
        for power in 0..50 {
            let span = 1_u64 << power;
            let scale = Scale { from: DateTime::UNIX_EPOCH, span_ms: span };
            let ticks: Vec<u64> = scale.ticks().collect();
            assert!(ticks.len() <= 11, "{span}: {ticks:?}");
            assert!(ticks.iter().all(|ms| *ms <= span), "{span}: {ticks:?}");
        }
    }

    #[test]
    fn moments_outside_of_the_span_are_at_its_ends() {
        let from = DateTime::UNIX_EPOCH + TimeDelta::seconds(100);
        let scale = Scale::new(from, from + TimeDelta::seconds(10));
        assert!((scale.x(from - TimeDelta::seconds(5)) - LEFT).abs() < 1e-9);
        assert!((scale.x(from + TimeDelta::seconds(50)) - RIGHT).abs() < 1e-9);
        assert_eq!(Scale::new(from, from).span_ms, 1);
    }

    #[test]
    fn ticks_are_named_in_the_unit_that_fits() {
        let cases = [
            (0, "0"),
            (50, "50ms"),
            (1500, "1.5s"),
            (30_000, "30s"),
            (90_000, "1m30s"),
            (600_000, "10m"),
            (5_400_000, "1h30m"),
            (7_200_000, "2h"),
            (172_800_000, "2d"),
        ];
        for (ms, label) in cases {
            assert_eq!(tick_label(ms), label);
        }
    }
}
