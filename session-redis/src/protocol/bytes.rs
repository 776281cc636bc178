//! Numbers as scripts and messages encode them.

use std::time::Duration;

use session_core::model::Timestamp;

/// Reads numbers and bytes from the front.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn take<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(first)
    }

    pub(crate) fn number<const N: usize>(&mut self) -> Option<u64> {
        self.take::<N>().map(|bytes| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub(crate) fn time<const N: usize>(&mut self) -> Option<Timestamp> {
        self.number::<N>().map(Timestamp::from_millis)
    }
}

/// Appends a number of `N` bytes, big-endian.
pub(crate) fn put<const N: usize>(out: &mut Vec<u8>, number: u64) {
    let bytes = number.to_be_bytes();
    if bytes[..8 - N].iter().all(|byte| *byte == 0) {
        out.extend_from_slice(&bytes[8 - N..]);
    } else {
        // A number too large for its field becomes the largest that fits.
        out.extend_from_slice(&[0xff; 8][..N]);
    }
}

/// A duration in milliseconds, at least one and at most what a timestamp can hold.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).clamp(1, Timestamp::MAX.as_millis())
}

/// 16 lower-case hexadecimal digits.
pub(crate) fn hex(bits: u64) -> [u8; 16] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|at| DIGITS[(bits >> (60 - 4 * at)) as usize & 15])
}

/// The inverse of [`hex`].
pub(crate) fn unhex(text: &[u8; 16]) -> Option<u64> {
    text.iter().try_fold(0, |bits, digit| match digit {
        b'0'..=b'9' => Some(bits << 4 | u64::from(digit - b'0')),
        b'a'..=b'f' => Some(bits << 4 | u64::from(digit - b'a' + 10)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_round_trip() {
        for bits in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
            assert_eq!(hex(bits), *format!("{bits:016x}").as_bytes());
            assert_eq!(unhex(&hex(bits)), Some(bits));
        }
        assert_eq!(unhex(b"0123456789ABCDEF"), None);
    }

    #[test]
    fn a_number_that_is_too_large_is_the_largest_that_fits() {
        let mut out = Vec::new();
        put::<4>(&mut out, 0x0102_0304);
        put::<4>(&mut out, 1 << 32);
        assert_eq!(out, [1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff]);
    }
}
