//! An event that somebody hands over: its bytes, and whether who sent it knows the secret.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// GitHub sends no more.
const MAX_BYTES: u64 = 25 * 1024 * 1024;

/// What the value of the header `X-Hub-Signature-256` begins with.
const SCHEME: &str = "sha256=";

/// An event's bytes from a file; without one, or for `-`, from standard input.
///
/// # Errors
/// Those of reading; standard input that is a terminal; more than 25 MiB.
pub(crate) fn read_bytes(file: Option<&Path>) -> io::Result<Vec<u8>> {
    let bytes = match file.filter(|file| *file != Path::new("-")) {
        Some(file) => read(File::open(file)?)?,
        None if io::stdin().is_terminal() => {
            return Err(io::Error::other("standard input is a terminal, and no file is named"));
        }
        None => read(io::stdin().lock())?,
    };
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is larger than 25 MiB, which no event is"));
    }
    Ok(bytes)
}

fn read(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// `sha256=<hex>` is the HMAC-SHA256 of these bytes under this secret. How long that takes tells nothing of either.
pub(crate) fn is_signed(bytes: &[u8], signature: &str, secret: &[u8]) -> bool {
    let Some(said) = signature.trim().strip_prefix(SCHEME).and_then(from_hex) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return false };
    mac.update(bytes);
    mac.verify_slice(&said).is_ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_these_bytes_and_this_secret() {
        // HMAC-SHA256 of RFC 4231, case 2.
        let (bytes, secret) = (&b"what do ya want for nothing?"[..], &b"Jefe"[..]);
        let hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let good = format!("sha256={hex}");
        assert!(is_signed(bytes, &good, secret));
        assert!(is_signed(bytes, &format!("sha256={}\n", hex.to_uppercase()), secret));
        for (bytes, signature, secret) in [
            (&b"what do ya want for nothing!"[..], good.as_str(), secret),
            (bytes, &good, b"jefe"),
            (bytes, hex, secret),
            (bytes, &good[..good.len() - 2], secret),
            (bytes, &good[..good.len() - 1], secret),
            (bytes, "sha256=", secret),
            (bytes, "sha1=5bdc", secret),
            (bytes, "sha256=zz", secret),
            (bytes, "sha256=é", secret),
        ] {
            assert!(!is_signed(bytes, signature, secret), "{signature}");
        }
    }
}
