//! Ports for servers that must restart at the same address.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

/// Below the range from which the system assigns ports to outgoing connections: one of those could otherwise take the
/// port of a server that is down.
const FIRST: u16 = 11_000;
const COUNT: u16 = 20_000;

/// A TCP port that no other user of this kit on this machine takes while the value lives.
///
/// The *UDP* port of the same number is held as a mark, since it does not prevent the child from binding the TCP port.
/// The system releases the mark when the process ends, for whatever reason.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    number: u16,
    _mark: Arc<UdpSocket>,
}

impl Port {
    /// Marks a port. Programs that ignore the mark can still have taken the port: a caller that fails to bind it must
    /// reserve another.
    pub(crate) fn reserve() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        // Processes start at different places, so that they rarely try the same port.
        let start = std::process::id().wrapping_mul(7_919);
        for _ in 0..COUNT {
            let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
            let offset = start.wrapping_add(step) % u32::from(COUNT);
            let number = FIRST + u16::try_from(offset).unwrap_or_default();
            if let Ok(mark) = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)) {
                return Self { number, _mark: Arc::new(mark) };
            }
        }
        panic!("no free port from {FIRST} on; are servers of earlier tests still running?")
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }
}
