//! Replaces the addresses of servers in their replies by those of a worker's own proxies.
//!
//! Sentinels and cluster nodes tell clients where the servers are, so without this a worker would bypass its proxies. All
//! ports have five digits, so a reply keeps its length.

use std::collections::BTreeMap;

const HOST: &[u8] = b"127.0.0.1";
const DIGITS: usize = 5;

/// The bytes between the host and the port: in a list of strings, in one of CLUSTER SLOTS, in a redirection, in an
/// announcement of sentinels, and in the details that they give.
const BETWEEN: [&[u8]; 5] = [b"\r\n$5\r\n", b"\r\n:", b":", b" ", b"\r\n$4\r\nport\r\n$5\r\n"];

/// The port of a worker's proxy for each port at which a server is announced.
pub(crate) type Ports = BTreeMap<u16, u16>;

/// Rewrites a stream of replies.
#[derive(Debug)]
pub(super) struct Rewriter {
    ports: Ports,
    /// The beginning of an address whose rest has not arrived.
    held: Vec<u8>,
}

/// The bytes that follow at some place of the stream.
enum Ahead {
    /// An address, and the number of bytes before its port.
    Address(usize),
    /// The beginning of one, at the end of the bytes.
    Incomplete,
    Other,
}

impl Rewriter {
    pub(super) fn new(ports: Ports) -> Self {
        Self { ports, held: Vec::new() }
    }

    /// The bytes to pass on, now that these have arrived.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(bytes);
        if self.ports.is_empty() {
            return all;
        }
        let mut at = 0;
        while at < all.len() {
            match ahead(&all[at..]) {
                Ahead::Address(port_at) => {
                    let port = at + port_at..at + port_at + DIGITS;
                    self.replace(&mut all[port.clone()]);
                    at = port.end;
                }
                Ahead::Incomplete => {
                    self.held = all.split_off(at);
                    break;
                }
                Ahead::Other => at += 1,
            }
        }
        all
    }

    fn replace(&self, digits: &mut [u8]) {
        let port = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
        if let Some(proxy) = port.and_then(|port: u16| self.ports.get(&port)) {
            let text = format!("{proxy:05}");
            digits.copy_from_slice(text.as_bytes());
        }
    }
}

fn ahead(bytes: &[u8]) -> Ahead {
    if !bytes.starts_with(HOST) {
        // A single digit at the end of the bytes is the beginning of anything, and a reply never ends with one.
        return if HOST.starts_with(bytes) { Ahead::Incomplete } else { Ahead::Other };
    }
    let rest = &bytes[HOST.len()..];
    for between in BETWEEN {
        let Some(port) = rest.strip_prefix(between) else {
            if between.starts_with(rest) {
                return Ahead::Incomplete;
            }
            continue;
        };
        let digits = port.iter().take(DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
        if digits == DIGITS {
            return Ahead::Address(HOST.len() + between.len());
        }
        if digits == port.len() {
            return Ahead::Incomplete;
        }
    }
    Ahead::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n12345\r\n+m 127.0.0.1 12345 127.0.0.1 12346\r\n-MOVED 7 \
        127.0.0.1:12345\r\n*4\r\n$9\r\n127.0.0.1\r\n:12345\r\n$40\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$4\r\nport\r\n$5\r\n\
        12345\r\n$3\r\n127\r\n$5\r\n12345\r\n$9\r\n127.0.0.1\r\n$5\r\n99999\r\n";

    fn rewriter() -> Rewriter {
        Rewriter::new([(12_345, 40_001), (12_346, 40_002)].into())
    }

    #[test]
    fn addresses_are_replaced_and_nothing_else() {
        let after = String::from_utf8(rewriter().pass(BEFORE.as_bytes())).unwrap();
        let expected = BEFORE.replace("127.0.0.1 12346", "127.0.0.1 40002");
        let expected =
            expected.replace("127.0.0.1:12345", "127.0.0.1:40001").replace("127.0.0.1 12345", "127.0.0.1 40001");
        let expected = expected.replace("127.0.0.1\r\n$5\r\n12345", "127.0.0.1\r\n$5\r\n40001");
        let expected = expected.replace("127.0.0.1\r\n:12345", "127.0.0.1\r\n:40001");
        let expected = expected.replace("port\r\n$5\r\n12345", "port\r\n$5\r\n40001");
        assert_eq!(after, expected);
    }

    #[test]
    fn a_stream_reads_the_same_wherever_it_is_divided() {
        let whole = rewriter().pass(BEFORE.as_bytes());
        for at in 0..BEFORE.len() {
            let (first, second) = BEFORE.as_bytes().split_at(at);
            let mut rewriter = rewriter();
            let parts = [rewriter.pass(first), rewriter.pass(second)].concat();
            assert_eq!(parts, whole, "divided at {at}");
        }
    }
}
