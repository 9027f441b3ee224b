//! How freely a model words its answers: a number from 0 to 2, exact to a thousandth.

use std::fmt;

use super::usd::Usd;

/// Millionths in a thousandth.
const STEP: u64 = 1_000;

/// The largest that servers take, in thousandths.
const MOST: u64 = 2_000;

/// A temperature, counted in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Temperature(u16);

impl Temperature {
    /// As servers take it.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1000.0
    }

    /// Reads a number without a unit.
    pub fn parse(text: &str) -> Option<Self> {
        Self::of_millionths(Usd::parse(text.trim()).ok()?)
    }

    /// The same number, read as an amount.
    pub(super) fn of_millionths(amount: Usd) -> Option<Self> {
        let thousandths = amount.micros() / STEP;
        let is_exact = amount.micros().is_multiple_of(STEP) && thousandths <= MOST;
        u16::try_from(thousandths).ok().filter(|_| is_exact).map(Self)
    }
}

/// As short as it can be read back: `0`, `0.2`.
impl fmt::Display for Temperature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperatures_are_read_and_shown() {
        for (text, shown) in [("0", "0"), ("0.20", "0.2"), (" 2.0 ", "2"), ("1.125", "1.125")] {
            assert_eq!(Temperature::parse(text).unwrap().to_string(), shown);
        }
        for text in ["", "-1", "2.001", "3", "0.0001", "1e0", "warm"] {
            assert_eq!(Temperature::parse(text), None, "{text}");
        }
        assert!((Temperature::parse("0.2").unwrap().as_f64() - 0.2).abs() < f64::EPSILON);
    }
}
