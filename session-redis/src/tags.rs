//! The cluster slot of each partition, and the hash tag that puts its keys there.
//!
//! The partitions are spread evenly over the slots, each in the middle of its share. So any number of primaries with
//! contiguous shares of slots get nearly equal numbers of partitions. The tags "0" to "255" would be spread at random:
//! 2.25 times the mean on the fullest of 48 primaries.

use crate::net::HashSlot;

/// The number of slots of a cluster.
const SLOTS: u16 = HashSlot::COUNT;

/// The slot of a partition.
pub(crate) const fn slot_of(partition: u16, partitions: u32) -> u16 {
    let share = SLOTS as u32 / partitions;
    (partition as u32 * share + share / 2) as u16
}

/// The tags of all partitions: for each slot the smallest natural number, in decimal, that hashes to it. Stored keys
/// depend on them, so they never change.
pub(crate) fn tags(partitions: u32) -> Box<[Box<str>]> {
    let share = u32::from(SLOTS) / partitions;
    let mut tags: Vec<Option<Box<str>>> = vec![None; partitions as usize];
    let mut missing = partitions;
    for number in 0u32.. {
        if missing == 0 {
            break;
        }
        let text = number.to_string();
        let slot = crc16(text.as_bytes()) % SLOTS;
        let partition = u32::from(slot) / share;
        if u32::from(slot_of(partition as u16, partitions)) == u32::from(slot) && tags[partition as usize].is_none() {
            tags[partition as usize] = Some(text.into());
            missing -= 1;
        }
    }
    tags.into_iter().flatten().collect()
}

/// The slot of a key without a hash tag.
pub(crate) fn slot_of_key(key: &[u8]) -> u16 {
    crc16(key) % SLOTS
}

/// CRC-16/XMODEM, the hash of a cluster. It goes byte by byte, since every new store hashes some ten thousand numbers to
/// find its tags.
fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0;
    for byte in bytes {
        crc = crc << 8 ^ REMAINDERS[usize::from((crc >> 8) as u8 ^ byte)];
    }
    crc
}

/// The remainder of each byte.
const REMAINDERS: [u16; 256] = {
    let mut remainders = [0; 256];
    let mut byte = 0;
    while byte < remainders.len() {
        let (mut crc, mut bit) = ((byte as u16) << 8, 0);
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
            bit += 1;
        }
        remainders[byte] = crc;
        byte += 1;
    }
    remainders
};

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of CRC-16/XMODEM, and the example in the cluster specification.
    #[test]
    fn the_hash_is_the_cluster_s() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(crc16(b"foo") % SLOTS, 12_182);
    }

    #[test]
    fn each_partition_has_a_tag_in_its_slot() {
        for partitions in [1, 2, 256, 4_096, 16_384] {
            let tags = tags(partitions);
            assert_eq!(tags.len(), partitions as usize);
            for (partition, tag) in tags.iter().enumerate() {
                assert_eq!(crc16(tag.as_bytes()) % SLOTS, slot_of(partition as u16, partitions));
            }
        }
    }

    /// Stored keys depend on the table: it never changes.
    #[test]
    fn the_table_is_the_one_that_stores_were_written_with() {
        let digest = |partitions| {
            use sha1::Digest as _;
            let text = tags(partitions).join(" ");
            sha1::Sha1::digest(text).iter().take(4).fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
        };
        assert_eq!((tags(256)[0].as_ref(), tags(256)[255].as_ref()), GOLDEN_ENDS);
        assert_eq!((digest(256), digest(16_384)), GOLDEN);
    }

    const GOLDEN_ENDS: (&str, &str) = ("13280", "2220");
    const GOLDEN: (u32, u32) = (0x4252a4a6, 0x5f77fdeb);

    /// With contiguous shares, no primary has more than one partition above its fair share.
    #[test]
    fn partitions_are_spread_evenly() {
        for primaries in [3u32, 7, 48, 100] {
            let mut counts = vec![0u32; primaries as usize];
            for partition in 0..256 {
                counts[(u32::from(slot_of(partition, 256)) * primaries / u32::from(SLOTS)) as usize] += 1;
            }
            let most = counts.iter().max().copied().unwrap_or_default();
            assert!(most <= 256 / primaries + 1, "{most} of 256 on one of {primaries}");
        }
    }
}
