//! Amounts of US dollars, exact to a millionth, so that sums and comparisons don't drift.

use std::fmt;

const MICROS: u64 = 1_000_000;

/// Digits behind the point.
const DECIMALS: usize = 6;

/// An amount of US dollars, counted in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Usd(u64);

/// Why a text is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsdError {
    /// Neither a whole number nor one with a point.
    #[error("write a number like 5 or 2.50")]
    Form,
    /// More than can be counted, or finer.
    #[error("amounts have at most 12 digits before the point and 6 behind it")]
    Digits,
}

impl Usd {
    /// So many millionths of a dollar.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// In millionths of a dollar.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// For output to programs, which know no exact amounts.
    #[expect(
        clippy::cast_precision_loss,
        reason = "beyond a thousand million dollars nobody counts millionths"
    )]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / MICROS as f64
    }

    /// The nearest amount; none of what is no amount, a negative number for one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "it is checked to lie within what can be counted exactly"
    )]
    pub fn from_f64(usd: f64) -> Option<Self> {
        let micros = (usd * MICROS as f64).round();
        (0.0..1e15).contains(&micros).then_some(Self(micros as u64))
    }

    /// The sum, as far as it can be counted.
    #[must_use]
    pub fn saturating_add(self, more: Self) -> Self {
        Self(self.0.saturating_add(more.0))
    }

    /// What is left; never less than nothing.
    #[must_use]
    pub fn saturating_sub(self, less: Self) -> Self {
        Self(self.0.saturating_sub(less.0))
    }

    /// Reads a number without a unit.
    pub fn parse(text: &str) -> Result<Self, UsdError> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        if !digits(whole) || !digits(part) {
            return Err(UsdError::Form);
        }
        let part = part.trim_end_matches('0');
        if whole.len() > 12 || part.len() > DECIMALS {
            return Err(UsdError::Digits);
        }
        let number = |text: &str| text.parse::<u64>().map_err(|_| UsdError::Digits);
        Ok(Self(number(whole)? * MICROS + number(&format!("{part:0<DECIMALS$}"))?))
    }
}

/// As short as it can be read back: `5`, `2.5`.
impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / MICROS, self.0 % MICROS);
        if part == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{part:0>DECIMALS$}").trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_read_back() {
        for (text, micros, shown) in [
            ("5", 5_000_000, "5"),
            ("2.50", 2_500_000, "2.5"),
            ("0.000001", 1, "0.000001"),
            ("18.75", 18_750_000, "18.75"),
            ("007.1000000", 7_100_000, "7.1"),
            ("0", 0, "0"),
        ] {
            let amount = Usd::parse(text).unwrap();
            assert_eq!((amount.micros(), amount.to_string().as_str()), (micros, shown), "{text}");
            assert_eq!(Usd::parse(shown), Ok(amount));
        }
        assert!((Usd::from_micros(2_500_000).as_f64() - 2.5).abs() < f64::EPSILON);
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", ".5", "5.", "-1", "+1", "1e3", "1,5", "$5", "nan", "1 "] {
            assert_eq!(Usd::parse(text), Err(UsdError::Form), "{text}");
        }
        for text in ["0.0000001", "1000000000000", "99999999999999999999"] {
            assert_eq!(Usd::parse(text), Err(UsdError::Digits), "{text}");
        }
    }
}
