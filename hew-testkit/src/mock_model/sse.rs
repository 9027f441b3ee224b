//! Server-sent events, and how they are sent.

use std::io::{self, Write};

use serde_json::Value;

/// An event with a name.
pub(super) fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

/// An event without one.
pub(super) fn data(data: &str) -> String {
    format!("data: {data}\n\n")
}

/// Begins a stream in chunks.
pub(super) fn begin(client: &mut impl Write) -> io::Result<()> {
    client.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n\
          transfer-encoding: chunked\r\n\r\n",
    )
}

/// Sends events, each in one chunk, or in chunks of `chunk_bytes`.
pub(super) fn send(client: &mut impl Write, events: &[String], chunk_bytes: Option<usize>) -> io::Result<()> {
    for event in events {
        for piece in event.as_bytes().chunks(chunk_bytes.unwrap_or(usize::MAX).max(1)) {
            write!(client, "{:x}\r\n", piece.len())?;
            client.write_all(piece)?;
            client.write_all(b"\r\n")?;
            client.flush()?;
        }
    }
    Ok(())
}

/// Ends a stream as it should end.
pub(super) fn end(client: &mut impl Write) -> io::Result<()> {
    client.write_all(b"0\r\n\r\n")
}

/// Text in pieces of a few characters, as a model would send it.
pub(super) fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(12).map(|piece| piece.iter().collect()).collect()
}
