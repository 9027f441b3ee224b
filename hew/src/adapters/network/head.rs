//! The head of a request to a proxy: what is asked for, and what is passed on.

use hew_core::settings::Target;

/// Most bytes of a head.
pub(super) const LONGEST: usize = 16 * 1024;

/// Headers that are between a program and its proxy, and the one that the proxy writes anew.
const OWN: [&str; 5] = ["connection", "proxy-connection", "proxy-authorization", "keep-alive", "host"];

const PORT_OF_HTTP: u16 = 80;

/// What a program asks a proxy for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// To be connected with a place, whatever is said there.
    Connect(Target),
    /// For a page of a place; what the place is to be asked, head and all.
    Page(Target, Vec<u8>),
}

/// Where a head ends, if it does.
pub(super) fn end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// Reads a whole head; none where it is none that a proxy is asked by.
pub(super) fn read(head: &[u8]) -> Option<Asked> {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = str::from_utf8(lines.next()?).ok()?;
    let [method, what, version] = first.split(' ').collect::<Vec<_>>()[..] else { return None };
    if !version.starts_with("HTTP/1.") || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    if method == "CONNECT" {
        // A place without a port is none here.
        let target = Target::parse(what, 0).filter(|target| target.port() > 0)?;
        return Some(Asked::Connect(target));
    }
    let rest = what.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://")).map(|_| &what[7..])?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let target = Target::parse(authority, PORT_OF_HTTP)?;
    let slash = if path.starts_with('/') { "" } else { "/" };
    let begin = format!("{method} {slash}{path} {version}\r\nHost: {authority}\r\nConnection: close\r\n");
    let mut passed = begin.into_bytes();
    for line in lines.take_while(|line| !line.is_empty()).filter(|line| !is_own(line)) {
        passed.extend_from_slice(line);
        passed.extend_from_slice(b"\r\n");
    }
    passed.extend_from_slice(b"\r\n");
    Some(Asked::Page(target, passed))
}

fn is_own(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    OWN.iter().any(|own| name.trim_ascii().eq_ignore_ascii_case(own.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Target {
        Target::parse(text, 1).unwrap()
    }

    #[test]
    fn a_connection_is_asked_for_by_host_and_port() {
        let connect =
            |what: &str| read(format!("CONNECT {what} HTTP/1.1\r\nHost: other:1\r\n\r\n").as_bytes());
        assert_eq!(connect("a.example:443"), Some(Asked::Connect(place("a.example:443"))));
        assert_eq!(connect("[::1]:8080"), Some(Asked::Connect(place("[::1]:8080"))));
        for wrong in ["a.example", "http://a.example:443", "", "a b:1"] {
            assert_eq!(connect(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_page_is_asked_of_its_place_as_if_there_were_no_proxy() {
        let head = b"POST http://A.example:8080/v1?x HTTP/1.1\r\nhost: evil\r\nX: \xff\r\nProxy-Connection: keep-alive\r\n\r\n";
        let passed = b"POST /v1?x HTTP/1.1\r\nHost: A.example:8080\r\nConnection: close\r\nX: \xff\r\n\r\n";
        assert_eq!(read(head), Some(Asked::Page(place("a.example:8080"), passed.to_vec())));
        let Some(Asked::Page(target, passed)) = read(b"GET http://a?b HTTP/1.0\r\n\r\n") else { panic!() };
        assert_eq!((target, &passed[..13]), (place("a:80"), &b"GET /?b HTTP/"[..]));
        for wrong in [
            "GET / HTTP/1.1",
            "GET https://a/ HTTP/1.1",
            "GET http://u@a/ HTTP/1.1",
            "GET http://a/",
            "\u{16}\u{3}",
        ] {
            assert_eq!(read(format!("{wrong}\r\n\r\n").as_bytes()), None, "{wrong}");
        }
        assert_eq!((end(b"a\r\n\r\nb"), end(b"a\r\n\r")), (Some(5), None));
    }
}
