//! Sizes as people write them: `200MiB`, `64KiB`, `1GiB`, `500kB`, or a plain number of bytes.

/// A unit and its length in bytes.
const UNITS: [(&str, u64); 8] = [
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

/// Why a text is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BytesError {
    /// Doesn't begin with a whole number.
    #[error("write a whole number and a unit, like 200MiB")]
    Form,
    /// A unit that is not known.
    #[error("`{0}` is not a unit; units are KiB, MiB, GiB, kB, MB, GB and B")]
    Unit(String),
    /// More than can be counted.
    #[error("that is too much")]
    TooLarge,
}

/// Reads a size in bytes.
pub fn parse_bytes(text: &str) -> Result<u64, BytesError> {
    let text = text.trim();
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    if digits.is_empty() {
        return Err(BytesError::Form);
    }
    let unit = unit.trim_start();
    let (_, length) =
        UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(|| BytesError::Unit(unit.to_owned()))?;
    let number: u64 = digits.parse().map_err(|_| BytesError::TooLarge)?;
    number.checked_mul(*length).ok_or(BytesError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, bytes) in
            [("200MiB", Ok(209_715_200)), ("64 KiB", Ok(65_536)), ("1GB", Ok(1_000_000_000)), ("17", Ok(17))]
        {
            assert_eq!(parse_bytes(text), bytes, "{text}");
        }
        assert_eq!(parse_bytes("MiB"), Err(BytesError::Form));
        assert_eq!(parse_bytes("1.5GiB"), Err(BytesError::Unit(".5GiB".to_owned())));
        assert_eq!(parse_bytes("5mb"), Err(BytesError::Unit("mb".to_owned())));
        assert_eq!(parse_bytes("99999999999GiB"), Err(BytesError::TooLarge));
    }
}
