//! As much of HTTP/1.1 as clients of models use: requests with a length or in chunks, connections that stay open.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read, Write};

/// No prompt of a test is larger.
const LARGEST_BODY: u64 = 64 << 20;

/// One request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    /// Names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

/// Reads the next request; `None` if the client has gone. `client` is asked for a body that it holds back.
pub(super) fn read_request(
    reader: &mut impl BufRead,
    client: &mut impl Write,
) -> io::Result<Option<Request>> {
    let Some(first) = read_line(reader)? else { return Ok(None) };
    let mut words = first.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(bad(&format!("no request: {first}")));
    };
    let headers = read_headers(reader)?;
    if headers.get("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let is_chunked =
        headers.get("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    let body = if is_chunked {
        read_chunks(reader)?
    } else {
        let length = headers.get("content-length").map_or(Ok(0), |text| text.parse());
        read_exactly(reader, length.map_err(|_| bad("the length is no number"))?)?
    };
    Ok(Some(Request { method, path, headers, body }))
}

fn read_headers(reader: &mut impl BufRead) -> io::Result<BTreeMap<String, String>> {
    let mut headers = BTreeMap::new();
    loop {
        let line = read_line(reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if line.is_empty() {
            return Ok(headers);
        }
        let (name, value) = line.split_once(':').ok_or_else(|| bad(&format!("no header: {line}")))?;
        headers.insert(name.trim().to_lowercase(), value.trim().to_owned());
    }
}

fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| bad(&format!("no size of a chunk: {line}")))?;
        body.extend(read_exactly(reader, size)?);
        read_line(reader)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn read_exactly(reader: &mut impl BufRead, length: u64) -> io::Result<Vec<u8>> {
    if length > LARGEST_BODY {
        return Err(bad("the body is too large"));
    }
    let mut bytes = Vec::new();
    reader.take(length).read_to_end(&mut bytes)?;
    let is_whole = u64::try_from(bytes.len()).is_ok_and(|read| read == length);
    if is_whole { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// A line without its end; `None` at the end of the stream.
fn read_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn bad(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Sends a status, headers and a text, which is JSON unless they say otherwise, at once.
pub(super) fn send_json(
    client: &mut impl Write,
    status: u16,
    headers: &BTreeMap<String, String>,
    text: &str,
) -> io::Result<()> {
    let more: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let is_said = headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"));
    let kind = if is_said { "" } else { "content-type: application/json\r\n" };
    let head = format!(
        "HTTP/1.1 {status} {}\r\n{kind}{}content-length: {}\r\n\r\n{text}",
        reason_of(status),
        more.concat(),
        text.len()
    );
    client.write_all(head.as_bytes())
}

fn reason_of(status: u16) -> &'static str {
    match status {
        200 => "OK",
        401 => "Unauthorized",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
