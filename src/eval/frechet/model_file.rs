//! Whether a file is an ONNX model at all, by the outermost fields of its protobuf.
//!
//! The library that reads the rest takes any text of small letters for an empty model, and some bytes that are no numbers
//! for ever; neither gets so far.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// The field of `ModelProto` that is the graph, and the last that there is.
const GRAPH: u64 = 7;
const LAST: u64 = 26;

/// How a field's value is written: a number of one to ten bytes, or as many bytes as such a number says.
const NUMBER: u64 = 0;
const BYTES: u64 = 2;

/// Whether the fields of `path` are those of an ONNX model, and fill the file.
///
/// # Errors
/// If it cannot be read.
pub(super) fn is_model(path: &Path) -> io::Result<bool> {
    let file = File::open(path)?;
    let mut left = file.metadata()?.len();
    let mut reader = BufReader::new(file);
    let mut has_graph = false;
    while left > 0 {
        let Some(key) = number(&mut reader, &mut left)? else { return Ok(false) };
        let (field, kind) = (key >> 3, key & 7);
        has_graph |= field == GRAPH && kind == BYTES;
        let Some(value) = number(&mut reader, &mut left)? else { return Ok(false) };
        if !(1..=LAST).contains(&field) || !matches!(kind, NUMBER | BYTES) {
            return Ok(false);
        }
        if kind == BYTES {
            if value > left {
                return Ok(false);
            }
            left -= value;
            // At most the file's length, which is an i64.
            reader.seek_relative(value as i64)?;
        }
    }
    Ok(has_graph)
}

/// A number of seven bits a byte, the least first, of which all bytes but the last have the eighth; none if it is more than
/// 64 bits or the file ends.
fn number(reader: &mut impl BufRead, left: &mut u64) -> io::Result<Option<u64>> {
    let mut value = 0u64;
    for place in 0..10 {
        let Some(&byte) = reader.fill_buf()?.first() else { return Ok(None) };
        reader.consume(1);
        *left = left.saturating_sub(1);
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Ok(Some(value).filter(|_| place < 9 || byte < 2));
        }
    }
    Ok(None)
}
