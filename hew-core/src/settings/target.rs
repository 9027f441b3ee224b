//! A place in the network, as `loop.sandbox.hosts` names one.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// The port of a host that is named without one, that of HTTPS.
pub const DEFAULT_PORT: u16 = 443;

/// Longest name of a host.
const LONGEST: usize = 253;

/// A host and one of its ports. Names are compared as they are written, without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    host: String,
    port: u16,
}

impl Target {
    /// Reads `host`, `host:port`, `[address]` or `[address]:port`; `default` is the port where none is named.
    pub fn parse(text: &str, default: u16) -> Option<Self> {
        let (host, port) = if let Some(inner) = text.strip_prefix('[') {
            let (address, port) = inner.split_once(']')?;
            (address.parse::<Ipv6Addr>().ok()?.to_string(), port)
        } else {
            let end = text.find(':').unwrap_or(text.len());
            (name(&text[..end])?, &text[end..])
        };
        let port = if port.is_empty() { default } else { number(port.strip_prefix(':')?)? };
        Some(Self { host, port })
    }

    /// The place that an address like `https://host:port/path` leads to.
    pub fn of_url(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let default = match scheme.to_ascii_lowercase().as_str() {
            "http" | "ws" => 80,
            "https" | "wss" => DEFAULT_PORT,
            _ => return None,
        };
        let authority = rest.split(['/', '?', '#']).next()?;
        let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
        Self::parse(place, default)
    }

    /// Its host: a name in small letters, or an address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// It is on the machine that asks for it.
    pub fn is_loopback(&self) -> bool {
        !self.loopback_addresses().is_empty()
    }

    /// Where a program that asks for it on its own machine looks; empty where it is on another.
    pub fn loopback_addresses(&self) -> Vec<SocketAddr> {
        let addresses = if self.host == "localhost" {
            vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
        } else {
            self.host.parse::<IpAddr>().into_iter().filter(IpAddr::is_loopback).collect()
        };
        addresses.into_iter().map(|address| SocketAddr::new(address, self.port)).collect()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Letters, digits, `-`, `_` and dots; a dot at the end says nothing.
fn name(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_name = !name.is_empty() && name.len() <= LONGEST && name.chars().all(fits);
    is_name.then(|| name.to_ascii_lowercase())
}

fn number(digits: &str) -> Option<u16> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| is_number && *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        Target::parse(text, DEFAULT_PORT).map(|target| target.to_string())
    }

    #[test]
    fn hosts_are_read_with_and_without_a_port() {
        assert_eq!(shown("API.Example.org."), Some("api.example.org:443".to_owned()));
        assert_eq!(shown("127.0.0.1:5432"), Some("127.0.0.1:5432".to_owned()));
        assert_eq!(shown("[0:0::1]:80"), Some("[::1]:80".to_owned()));
        assert_eq!(shown("[::1]"), Some("[::1]:443".to_owned()));
        for wrong in
            ["", ":1", "a:", "a:0", "a:65536", "a:+5", "a b", "a/b", "::1", "[a]:1", "u@a", "*.a", "a:1:2"]
        {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_address_leads_to_a_place() {
        let place = |url| Target::of_url(url).map(|target| target.to_string());
        assert_eq!(place("https://api.example.org/v1?x"), Some("api.example.org:443".to_owned()));
        assert_eq!(place("HTTP://u:p@127.0.0.1/v1"), Some("127.0.0.1:80".to_owned()));
        assert_eq!(place("http://[::1]:8080"), Some("[::1]:8080".to_owned()));
        assert_eq!((place("ftp://a"), place("a.b:80")), (None, None));
    }

    #[test]
    fn what_is_on_this_machine_is_known_by_its_name() {
        for endpoint in
            ["http://127.0.0.1:8080/v1", "http://localhost/v1", "https://[::1]:1/v1", "http://127.8.0.1"]
        {
            assert!(Target::of_url(endpoint).unwrap().is_loopback(), "{endpoint}");
        }
        for endpoint in ["http://10.0.0.1/v1", "https://localhost.example.org/v1", "http://[fe80::1]:1/v1"] {
            assert!(!Target::of_url(endpoint).unwrap().is_loopback(), "{endpoint}");
        }
    }
}
