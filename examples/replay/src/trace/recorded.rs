//! Recorded traces: their formats, and what is wrong with a file that is not one.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use super::{orm, retail};
use crate::plan::Planner;

/// The most lines that are read unless a number is given: a plan of this many takes some gigabytes.
pub(super) const MOST_LINES: u32 = 50_000_000;
/// The first bytes of a zstd frame.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Why a trace cannot be replayed.
#[derive(Debug)]
pub struct TraceError {
    line: Option<u64>,
    message: String,
}

impl TraceError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { line: None, message: message.into() }
    }

    pub(super) fn too_long() -> Self {
        Self::new(format!("more than {MOST_LINES} lines: say how many of them to read"))
    }

    pub(super) fn at(line: u64, message: impl Into<String>) -> Self {
        Self { line: Some(line), message: message.into() }
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for TraceError {}

impl From<io::Error> for TraceError {
    fn from(error: io::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// Plans at most `lines` lines of a recorded trace, or all of them, and returns the name of the trace.
///
/// # Errors
/// If the file cannot be read, is not a trace, has a malformed line (the error gives its number), or has more than
/// 50 million lines and `lines` is `None`.
pub fn read(path: &Path, lines: Option<u32>, seed: u64, planner: &mut Planner) -> Result<&'static str, TraceError> {
    let input = decompressed(BufReader::new(File::open(path)?))?;
    read_from(input, &path.to_string_lossy(), lines, seed, planner)
}

fn read_from(
    mut input: Box<dyn BufRead>,
    name: &str,
    lines: Option<u32>,
    seed: u64,
    planner: &mut Planner,
) -> Result<&'static str, TraceError> {
    let name = name.strip_suffix(".zst").unwrap_or(name);
    if input.fill_buf()?.is_empty() {
        return Err(TraceError::new("the trace is empty"));
    }
    if name.ends_with(".csv") || input.fill_buf()?.starts_with(b"time,invoice,") {
        retail::plan(input, lines, planner)?;
        Ok("Online Retail")
    } else if name.ends_with(".u32be") {
        orm::plan(input, lines, seed, planner)?;
        Ok("key stream")
    } else {
        Err(TraceError::new("neither a .csv with the columns of Online Retail nor a .u32be stream of keys"))
    }
}

/// Compressed input is recognised by its first bytes, not by its name.
fn decompressed(mut input: impl BufRead + 'static) -> io::Result<Box<dyn BufRead>> {
    if input.fill_buf()?.starts_with(&ZSTD) {
        return Ok(Box::new(BufReader::new(zstd::Decoder::with_buffer(input)?)));
    }
    Ok(Box::new(input))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_bytes(bytes: Vec<u8>, name: &str) -> Result<&'static str, TraceError> {
        let input = decompressed(io::Cursor::new(bytes)).unwrap();
        read_from(input, name, None, 1, &mut Planner::default())
    }

    #[test]
    fn the_format_is_told_by_name_or_content_and_compression_by_content() {
        let csv = b"time,invoice,customer,stock_code,quantity,unit_price,country\n1,2,3,4,5,6,7\n".to_vec();
        let packed = zstd::encode_all(csv.as_slice(), 1).unwrap();
        assert_eq!(read_bytes(csv.clone(), "lines.csv").unwrap(), "Online Retail");
        assert_eq!(read_bytes(packed, "lines.csv.zst").unwrap(), "Online Retail");
        assert_eq!(read_bytes(csv, "unnamed").unwrap(), "Online Retail");
        assert_eq!(read_bytes(vec![0, 0, 0, 1], "keys.u32be").unwrap(), "key stream");
    }

    #[test]
    fn what_is_no_trace_is_refused() {
        assert!(read_bytes(b"hello".to_vec(), "hello.txt").unwrap_err().to_string().starts_with("neither"));
        assert_eq!(read_bytes(Vec::new(), "lines.csv").unwrap_err().to_string(), "the trace is empty");
    }

    /// Half a trace is refused, however much of it was read.
    #[test]
    fn a_frame_that_is_cut_short_is_refused() {
        let lines: Vec<u8> = (0..100_000_u32).flat_map(|key| key.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
        let packed = zstd::encode_all(lines.as_slice(), 1).unwrap();
        assert_eq!(read_bytes(packed.clone(), "keys.u32be.zst").unwrap(), "key stream");
        for cut in [packed.len() - 1, packed.len() / 2, 6] {
            assert!(read_bytes(packed[..cut].to_vec(), "keys.u32be.zst").is_err(), "{cut}");
        }
    }
}
