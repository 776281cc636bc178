//! Addresses under which servers are reached, where those are not the ones that they announce.

use std::collections::{BTreeMap, HashMap};

use session_core::{Error, ErrorKind};

use super::Address;

/// Addresses that sentinels and nodes of a cluster announce, and where clients reach them: behind a NAT, a container's
/// port mapping or a tunnel.
///
/// An address is replaced only when a connection is opened. Everywhere else a server is known by the address that it
/// announces, which redirections, slots and sentinels name.
#[derive(Debug, Default)]
pub(crate) struct AddressMap {
    servers: HashMap<Address, Address>,
    hosts: HashMap<Box<str>, Box<str>>,
}

impl AddressMap {
    /// Reads pairs of `host:port`, or of hosts, for all ports of a host.
    ///
    /// # Errors
    /// `Configuration` if a pair is neither.
    pub(super) fn new(pairs: &BTreeMap<String, String>) -> Result<Self, Error> {
        let mut map = Self::default();
        for (announced, reached) in pairs {
            match (parse(announced), parse(reached)) {
                (Some((from, Some(from_port))), Some((to, Some(to_port)))) => {
                    map.servers.insert(Address::tcp(from, from_port), Address::tcp(to, to_port));
                }
                (Some((from, None)), Some((to, None))) => {
                    map.hosts.insert(from.into(), to.into());
                }
                _ => {
                    return Err(Error::new(
                        ErrorKind::Configuration,
                        format!(
                            "`address_map` has a pair that cannot be read, the one for `{}`; write `host:port` on \
                             both sides, or a host on both sides, and an IPv6 address with a port as `[address]:port`",
                            redacted_address(announced)
                        ),
                    ));
                }
            }
        }
        Ok(map)
    }

    /// Where a server is reached that is known by this address.
    pub(super) fn reached(&self, address: &Address) -> Address {
        if let Some(reached) = self.servers.get(address) {
            return reached.clone();
        }
        match address {
            Address::Tcp(host, port) => match self.hosts.get(&**host) {
                Some(reached) => Address::tcp(&**reached, *port),
                None => address.clone(),
            },
            Address::Unix(_) => address.clone(),
        }
    }
}

/// An address as messages and `Debug` print it. Of anything else, such as a URL, they print a placeholder: it may have a
/// password.
pub(crate) fn redacted_address(address: &str) -> &str {
    let is_plain = address.chars().all(|c| c.is_alphanumeric() || ".-_:[]%".contains(c));
    if is_plain { address } else { "<redacted>" }
}

/// A host, and a port unless there is none. A host with several colons is an IPv6 address.
fn parse(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return None,
        }
    } else {
        match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (text, None),
        }
    };
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|port| *port != 0)?),
        None => None,
    };
    let is_host = !host.is_empty() && !host.chars().any(|c| c.is_whitespace() || c.is_control() || c == '/');
    is_host.then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Result<AddressMap, Error> {
        AddressMap::new(&pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect())
    }

    #[test]
    fn servers_hosts_and_all_others() {
        let map = map(&[("10.0.0.1:6379", "localhost:7001"), ("10.0.0.1", "gateway"), ("[fd00::1]:1", "h:2")]).unwrap();
        let reached = |host: &str, port| map.reached(&Address::tcp(host, port));
        assert_eq!(reached("10.0.0.1", 6379), Address::tcp("localhost", 7001), "a server precedes its host");
        assert_eq!(reached("10.0.0.1", 6380), Address::tcp("gateway", 6380));
        assert_eq!(reached("fd00::1", 1), Address::tcp("h", 2));
        assert_eq!(reached("10.0.0.2", 6379), Address::tcp("10.0.0.2", 6379));
        assert_eq!(map.reached(&Address::Unix("/socket".into())), Address::Unix("/socket".into()));
    }

    #[test]
    fn pairs_that_cannot_be_read() {
        for (from, to) in [
            ("", "a"),
            ("a", ""),
            ("a:1", "b"),
            ("a", "b:1"),
            ("a:0", "b:1"),
            ("a:x", "b:1"),
            ("a:70000", "b:1"),
            ("[a:1", "b:1"),
            ("redis://a:1", "b:1"),
            ("a b:1", "b:1"),
        ] {
            let error = map(&[(from, to)]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{from} {to}");
            assert!(error.to_string().contains("address_map"), "{error}");
        }
    }
}
